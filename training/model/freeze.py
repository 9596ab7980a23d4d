"""Freeze parts of a network, or the statistics of its batch norms, while the rest learns."""

from __future__ import annotations

from torch import nn

from training.config import TrainSettings


def freeze(network: nn.Module, settings: TrainSettings) -> None:
    """Freeze what the settings name.

    Parts in `frozen` keep their weights and the statistics of their batch norms. With `keep_statistics` all
    batch norms keep their statistics while scales and offsets learn: for trainings from learnt weights with
    batches too small for statistics of their own. Raises ValueError for a name that is no part of the
    network.
    """
    for name in settings.frozen:
        try:
            module = network.get_submodule(name)
        except AttributeError as error:
            raise ValueError(f"train.frozen: {name!r} is no part of the network: {error}") from error
        module.requires_grad_(False)
        module.eval()
    if settings.keep_statistics:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

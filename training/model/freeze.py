"""Keep parts of a network, or the statistics of its batch norms, as they are while the rest learns."""

from __future__ import annotations

from typing import Any

from torch import nn


def freeze(network: nn.Module, settings: dict[str, Any]) -> None:
    """Keep what the `train` section of a config says.

    `frozen` names modules that stay as they are, with the statistics of their batch norms. With
    `keep_statistics` those of all batch norms stay while their scales and offsets learn: for trainings
    from learnt weights with batches too small for statistics of their own.
    """
    for name in settings.get("frozen", []):
        module = network.get_submodule(name)
        module.requires_grad_(False)
        module.eval()
    if settings.get("keep_statistics", False):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

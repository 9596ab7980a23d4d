"""Group a network's parameters by learning rate and weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from training.model.deep_supervision import DeepSupervision


def parameter_groups(
    learner: DeepSupervision, weight_decay: float, rates: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return an optimiser's groups, each with its `share` of the learning rate.

    `rates` maps parts of the network, such as `encoder.blocks`, to shares; all other parts have one. The
    first part that holds a parameter counts. Vectors (batch norms and biases) do not decay. Raises
    ValueError for a name that is no part of the network.
    """
    for name in rates:
        try:
            learner.network.get_submodule(name)
        except AttributeError as error:
            raise ValueError(f"train.rates: {name!r} is no part of the network: {error}") from error
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in learner.named_parameters():
        own = name.removeprefix("network.")
        share = next((rate for part, rate in rates.items() if own.startswith(f"{part}.")), 1.0)
        groups.setdefault((float(share), parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decays else 0.0, "share": share}
        for (share, decays), parameters in groups.items()
    ]

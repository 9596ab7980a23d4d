"""Optimise a network: hidden convolutions by orthogonal steps, everything else by AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from training.model.learner import Learner

_MOMENTUM = 0.95
_LEAST_CHANNELS = 16  # of both sides of a convolution that takes orthogonal steps
_SHARE = 2.0  # of the learning rate
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Step by the orthogonalised momentum of convolutions (Jordan et al., Muon, 2024).

    A step changes all directions of a kernel alike, so that rare ones learn as fast as common ones. Here a
    network needs less than half as many steps as with AdamW (docs/lessons.md). A kernel (O, I, h, w) counts
    as a matrix (O, I h w); steps are as large as AdamW's (Liu et al., Muon is scalable for LLM training,
    2025).
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float):
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is None:
                    continue
                momentum = self.state[kernel].setdefault("momentum", torch.zeros_like(kernel))
                momentum.lerp_(kernel.grad, 1 - _MOMENTUM)
                direction = _orthogonal(kernel.grad.lerp(momentum, _MOMENTUM).flatten(1))
                size = 0.2 * max(direction.shape) ** 0.5
                kernel.mul_(1 - group["lr"] * group["weight_decay"])
                kernel.add_(direction.view_as(kernel), alpha=-group["lr"] * size)


def _orthogonal(matrix: Tensor) -> Tensor:
    """Return nearly the closest matrix whose singular values are one, by Newton and Schulz's iteration."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if is_tall else matrix
    x = x / (x.norm() + 1e-7)
    first, second, third = _NEWTON_SCHULZ
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = first * x + (second * square + third * square @ square) @ x
    return x.T if is_tall else x


class Optimisers:
    """Step several optimisers as one, at one learning rate; a group's `share` multiplies it."""

    def __init__(self, *parts: torch.optim.Optimizer):
        self._parts = parts

    def step(self, rate: float) -> None:
        """Change all parameters by their gradients, and forget the gradients."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate * group["share"]
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of all parts."""
        return {str(number): part.state_dict() for number, part in enumerate(self._parts)}

    def load_state_dict(self, kept: Mapping[str, Any]) -> None:
        """Restore what state_dict returned, except for the groups' settings, such as the weight decay."""
        for number, part in enumerate(self._parts):
            settings = [
                {name: value for name, value in group.items() if name != "params"}
                for group in part.param_groups
            ]
            part.load_state_dict(kept[str(number)])
            for group, own in zip(part.param_groups, settings):
                group.update(own)


def make_optimisers(
    learner: Learner, rate: float, weight_decay: float, rates: Mapping[str, float]
) -> Optimisers:
    """Return Muon for the hidden convolutions of encoder and pyramid, and AdamW for the rest.

    `rates` maps parts of the network, such as `encoder.blocks`, to shares of the learning rate; all other
    parts have one. The first part that holds a parameter counts. Vectors (batch norms and biases) do not
    decay. Raises ValueError for a name that is no part of the network.
    """
    for name in rates:
        try:
            learner.network.get_submodule(name)
        except AttributeError as error:
            raise ValueError(f"train.rates: {name!r} is no part of the network: {error}") from error
    groups: dict[tuple[bool, float, bool], list[nn.Parameter]] = {}
    for name, parameter in learner.named_parameters():
        own = name.removeprefix("network.")
        share = next((rate for part, rate in rates.items() if own.startswith(f"{part}.")), 1.0)
        key = (_is_hidden(own, parameter), float(share), parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    made: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for (hidden, share, decays), parameters in groups.items():
        decay = weight_decay if decays else 0.0
        share = share * (_SHARE if hidden else 1.0)
        made[hidden].append({"params": parameters, "weight_decay": decay, "share": share})
    parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(made[False], lr=rate)]
    if made[True]:
        parts.append(Muon(made[True], lr=rate))
    return Optimisers(*parts)


def _is_hidden(name: str, parameter: nn.Parameter) -> bool:
    inside = {"encoder", "pyramid"} & set(name.split("."))
    return bool(inside) and parameter.ndim == 4 and min(parameter.shape[:2]) >= _LEAST_CHANNELS

"""Remove input channels of a convolution and refit the kernel to those that stay."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_RIDGE = 1e-6


class Kept(NamedTuple):
    """Hold the channels that stay, the kernel (outputs, kept, h, w) and bias (outputs,) refitted to them.

    `loss` is the share of the output's variance that is lost.
    """

    channels: list[int]
    kernel: Tensor
    bias: Tensor
    loss: float


def eliminate(gram: Tensor, kernel: Tensor, most: float, multiple: int) -> Kept | None:
    """Remove as many input channels of a convolution as the loss `most` allows.

    `gram` is the float64 Gram matrix of the convolution's flattened input patches, each followed by a one.
    `kernel` is (outputs, C, h, w). Channels go one by one: always the one whose removal costs least after a
    least-squares refit of all others (optimal brain surgeon, Hassibi and Stork, 1993, for groups of weights).
    The number that stays is a multiple of `multiple`. Returns None when no such number below C loses little
    enough.
    """
    outputs, count, *size = kernel.shape
    taps = kernel[0, 0].numel()
    weight = torch.cat((kernel.double().flatten(1).T, gram.new_zeros(1, outputs)))
    variance = _variance(gram, weight)
    inverse = torch.linalg.inv(gram + _RIDGE * gram.diagonal().mean() * torch.eye(len(gram)).to(gram))
    alive = list(range(count))
    best, lost = None, 0.0
    while len(alive) > multiple:
        costs = _costs(inverse, weight, len(alive), taps)
        cheapest = int(costs.argmin())
        lost += float(costs[cheapest])
        if lost > most * variance:
            break
        inverse, weight = _without(inverse, weight, slice(cheapest * taps, (cheapest + 1) * taps))
        del alive[cheapest]
        if len(alive) % multiple == 0:
            refitted = weight[:-1].T.reshape(outputs, len(alive), *size)
            loss = lost / variance if variance else 0.0  # a constant layer loses nothing
            best = Kept(list(alive), refitted.to(kernel), weight[-1].to(kernel), loss)
    return best


def _variance(gram: Tensor, weight: Tensor) -> float:
    """Return the outputs' sum of squares about their means."""
    means = gram[-1] @ weight / gram[-1, -1]
    return float((weight * (gram @ weight)).sum() - gram[-1, -1] * (means**2).sum())


def _costs(inverse: Tensor, weight: Tensor, channels: int, taps: int) -> Tensor:
    """Return for every channel how much the squared error grows without it."""
    square = inverse[:-1, :-1].view(channels, taps, channels, taps)
    blocks = square.diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    parts = weight[:-1].view(channels, taps, -1)
    return (parts * torch.linalg.solve(blocks, parts)).sum((1, 2))


def _without(inverse: Tensor, weight: Tensor, gone: slice) -> tuple[Tensor, Tensor]:
    """Return the inverse Gram matrix and the best weights without the rows `gone`."""
    rest = torch.ones(len(weight), dtype=torch.bool)
    rest[gone] = False
    through = inverse[rest, gone] @ torch.linalg.inv(inverse[gone, gone])
    return inverse[rest][:, rest] - through @ inverse[gone][:, rest], weight[rest] - through @ weight[gone]

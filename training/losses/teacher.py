"""Losses against a teacher's answers; all are pure functions.

Hinton et al., Distilling the knowledge in a neural network, 2015; Romero et al., FitNets, ICLR 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_THING_WEIGHT = 4.0  # extra weight of a pixel that is certainly no background


class Taught(NamedTuple):
    """Hold what a teacher says of a batch of frames (N, 3, H, W).

    change: of luma (N, 1, H, W). probabilities: of classes (N, C, H/2, W/2), in 0..1. features: of its
    encoder at strides 8, 16 and 32.
    """

    change: Tensor
    probabilities: Tensor
    features: tuple[Tensor, ...]

    def to(self, device: torch.device) -> Taught:
        """Return the same on `device`."""
        change, probabilities, *features = (
            one.to(device, non_blocking=True) for one in (self.change, self.probabilities, *self.features)
        )
        return Taught(change, probabilities, tuple(features))


def distillation_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of the softmax of `logits` from the probabilities `taught`.

    Both are (N, C, h, w), class 0 is background; in nats, mean over the pixels, of which things weigh more.
    """
    own = logits.float().log_softmax(1)
    divergence = (torch.xlogy(taught, taught) - taught * own).sum(1)
    return (divergence * (1 + _THING_WEIGHT * (1 - taught[:, 0]))).mean()


def feature_loss(own: Sequence[Tensor], taught: Sequence[Tensor]) -> Tensor:
    """Return the share of the taught features' variance that `own` does not explain.

    Pairs of (N, C, h, w); the variance is each channel's in the batch; mean over channels and maps.
    """
    shares = [
        ((mine.float() - theirs).square().mean((0, 2, 3)) / theirs.var((0, 2, 3)).clamp_min(1e-4)).mean()
        for mine, theirs in zip(own, taught, strict=True)
    ]
    return torch.stack(shares).mean()


def imitation_loss(change: Tensor, taught: Tensor) -> Tensor:
    """Return the mean distance of two changes of luma (N, 1, H, W) and of their steps from pixel to pixel."""
    off = change - taught
    across, down = off.diff(dim=3), off.diff(dim=2)
    return off.abs().mean() + across.abs().mean() + down.abs().mean()


def revealing_loss(change: Tensor, taught: Tensor, weights: Tensor) -> Tensor:
    """Return the mean distance of two changes of luma times the weights of the pixels; all (N, 1, H, W)."""
    return (weights * (change - taught).abs()).mean()

"""Turn a feature map into segmentation logits."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIDE = 2  # classes a cell of 4x4 pixels decides along each side
_DECISIONS = _SIDE * _SIDE
# Of a cell's sixteen pixels: the quarter in which each one lies.
_QUARTERS = [row // 2 * _SIDE + column // 2 for row in range(2 * _SIDE) for column in range(2 * _SIDE)]
_PRIOR = 0.01  # probability of each class relative to background


class SegmentationHead(nn.Module):
    """Turn a stride-4 map into cell logits (N, 4 classes, H/4, W/4).

    A cell of 4x4 pixels holds the logits of its quarters, of 2x2 pixels each: those of a class follow each
    other, see spread_cells.
    """

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.logits = nn.Conv2d(inputs, classes * _DECISIONS, 1)
        # Most of a street is background. A network that starts with this prior learns the other classes
        # sooner (Lin et al., Focal Loss, ICCV 2017).
        nn.init.normal_(self.logits.weight, std=0.01)
        prior = torch.zeros(classes, _DECISIONS)
        prior[0] = -math.log(_PRIOR)
        self.logits.bias = nn.Parameter(prior.flatten())

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x)


def spread_cells(logits: Tensor) -> Tensor:
    """Turn cell logits (N, 4 C, H/4, W/4) into logits (N, C, H/2, W/2)."""
    return F.pixel_shuffle(logits, _SIDE)


def best_classes(logits: Tensor) -> Tensor:
    """Return a mask (N, H, W), float, of the best classes of cell logits (N, 4 C, H/4, W/4).

    CPUs store a convolution's output pixel by pixel, so the best class is chosen before anything moves in
    memory.
    """
    cells = logits.permute(0, 2, 3, 1)
    best = cells.unflatten(3, (-1, _DECISIONS)).argmax(3).float()
    halved = F.pixel_shuffle(best.permute(0, 3, 1, 2), _SIDE)
    return F.interpolate(halved, scale_factor=2.0, mode="nearest").squeeze(1)


def best_probabilities(logits: Tensor, temperature: Tensor) -> Tensor:
    """Return the softmax probability of each quarter's best class, of cell logits over `temperature`.

    Takes (N, 4 C, H/4, W/4) and returns (N, 4, H/4, W/4), float32. The best class's own term is exp(0), so
    nothing has to look it up. CPUs reduce whole planes several times as fast as classes within a pixel.
    """
    planes = logits.unflatten(1, (-1, _DECISIONS)).float()
    powers = ((planes - planes.amax(1, keepdim=True)) / temperature).exp()
    return 1 / powers.sum(1)


def spread_quarters(quarters: Tensor) -> Tensor:
    """Turn what the quarters of cells have (N, 4, H/4, W/4) into planes (N, H, W)."""
    return F.pixel_shuffle(quarters[:, _QUARTERS], 2 * _SIDE).squeeze(1)

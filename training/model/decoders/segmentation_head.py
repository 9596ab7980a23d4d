"""Turn a feature map into segmentation logits."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIDE = 2  # classes a cell of 4x4 pixels decides along each side
_DECISIONS = _SIDE * _SIDE
_PRIOR = 0.01  # probability of each class relative to background


class SegmentationHead(nn.Module):
    """Turn a stride-4 map into cell logits (N, H/4, W/4, classes, 4).

    A cell holds the logits of its four quarters, of 2x2 pixels each, see spread_cells. CPUs store a
    convolution's output in this order, so the best class is chosen before anything moves in memory.
    """

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.classes = classes
        self.logits = nn.Conv2d(inputs, classes * _DECISIONS, 1)
        # Most of a street is background. A network that starts with this prior learns the other classes
        # sooner (Lin et al., Focal Loss, ICCV 2017).
        nn.init.normal_(self.logits.weight, std=0.01)
        prior = torch.zeros(classes, _DECISIONS)
        prior[0] = -math.log(_PRIOR)
        self.logits.bias = nn.Parameter(prior.flatten())

    def forward(self, x: Tensor) -> Tensor:
        logits = self.logits(x)
        batch, _, height, width = logits.shape
        return logits.permute(0, 2, 3, 1).reshape(batch, height, width, self.classes, _DECISIONS)


def spread_cells(logits: Tensor) -> Tensor:
    """Turn cell logits (N, H/4, W/4, C, 4) into logits (N, C, H/2, W/2)."""
    return F.pixel_shuffle(logits.flatten(3).permute(0, 3, 1, 2), _SIDE)


def spread_classes(cells: Tensor) -> Tensor:
    """Turn the classes of cells (N, H/4, W/4, 4), float, into a mask (N, H, W)."""
    halved = F.pixel_shuffle(cells.permute(0, 3, 1, 2), _SIDE)
    return F.interpolate(halved, scale_factor=2.0, mode="nearest").squeeze(1)

"""Turn a feature map into segmentation logits."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn

_CELL = 4
_PIXELS = _CELL * _CELL
_PRIOR = 0.01  # probability of each class relative to background


class SegmentationHead(nn.Module):
    """Turn a stride-4 map into cell logits (N, H/4, W/4, classes, 16).

    A cell holds the logits of its sixteen pixels, see spread_cells. CPUs store a convolution's output in this
    order, so the best class is chosen before anything moves in memory.
    """

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.classes = classes
        self.conv = conv_bn(inputs, inputs)
        self.logits = nn.Conv2d(inputs, classes * _PIXELS, 1)
        # Most of a street is background. A network that starts with this prior learns the other classes
        # sooner (Lin et al., Focal Loss, ICCV 2017).
        nn.init.normal_(self.logits.weight, std=0.01)
        prior = torch.zeros(classes, _PIXELS)
        prior[0] = -math.log(_PRIOR)
        self.logits.bias = nn.Parameter(prior.flatten())

    def forward(self, x: Tensor) -> Tensor:
        logits = self.logits(self.conv(x))
        batch, _, height, width = logits.shape
        return logits.permute(0, 2, 3, 1).reshape(batch, height, width, self.classes, _PIXELS)


def spread_cells(logits: Tensor) -> Tensor:
    """Turn cell logits (N, H/4, W/4, C, 16) into logits (N, C, H, W)."""
    return F.pixel_shuffle(logits.flatten(3).permute(0, 3, 1, 2), _CELL)

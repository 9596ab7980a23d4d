"""Turn a feature map into segmentation logits."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn


class SegmentationHead(nn.Module):
    """Turn a stride-4 map into cell logits (N, classes, 4, H/4, W/4).

    A cell holds the logits of its four pixels of half size; see spread_cells. They are kept in cells
    because there the class is the outermost axis: choosing the best one is four times as fast.
    """

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.classes = classes
        self.conv = conv_bn(inputs, inputs)
        self.logits = nn.Conv2d(inputs, classes * 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.logits(self.conv(x))
        batch, _, height, width = logits.shape
        return logits.view(batch, self.classes, 4, height, width)


def spread_cells(logits: Tensor) -> Tensor:
    """Turn cell logits (N, C, 4, H/4, W/4) into logits (N, C, H/2, W/2)."""
    return F.pixel_shuffle(logits.flatten(1, 2), 2)

"""Merge an encoder's features into one map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn


class FeaturePyramid(nn.Module):
    """Merge features at strides 4, 8, 16 and 32 into one map at stride 4, seen with wide context.

    Widths are those of the merged maps at strides 4, 8 and 16.
    """

    def __init__(self, channels: tuple[int, int, int, int], widths: tuple[int, int, int] = (32, 64, 96)):
        super().__init__()
        w4, w8, w16 = widths
        self.lateral = nn.ModuleList(nn.Conv2d(inputs, width, 1) for inputs, width in zip(channels, widths))
        self.reduce = nn.ModuleList(
            nn.Conv2d(above, below, 1) for above, below in ((w8, w4), (w16, w8), (channels[3], w16))
        )
        self.smooth = nn.ModuleList(conv_bn(width, width) for width in widths)
        self.out_channels = w4
        # Of the map that enters and of those that leave the levels, in the order in which they come.
        self.map_channels = (channels[3], w16, w8, w4)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = features[-1]
        for level in (2, 1, 0):
            size = features[level].shape[-2:]
            x = F.interpolate(self.reduce[level](x), size, mode="bilinear", align_corners=False)
            x = self.smooth[level](F.relu(x + self.lateral[level](features[level])))
        return x

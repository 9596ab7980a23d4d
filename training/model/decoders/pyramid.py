"""Merge an encoder's features into one map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn


class FeaturePyramid(nn.Module):
    """Merge features at strides 4, 8, 16 and 32 into one map at stride 4 with wide context.

    `widths` are the channels of the merged maps at strides 4, 8 and 16. With `normalise` batch norms bring
    both addends to one scale: an encoder's features may be ten times as large as the map from above, and
    drown it while a new network learns (docs/explanation/network.md).
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        widths: tuple[int, int, int] = (32, 64, 96),
        normalise: bool = False,
    ):
        super().__init__()
        w4, w8, w16 = widths
        project = _normalised if normalise else _plain
        self.lateral = nn.ModuleList(project(inputs, width) for inputs, width in zip(channels, widths))
        self.reduce = nn.ModuleList(
            project(above, below) for above, below in ((w8, w4), (w16, w8), (channels[3], w16))
        )
        self.smooth = nn.ModuleList(conv_bn(width, width) for width in widths)
        self.out_channels = w4
        # Of the map that enters and of those that leave the levels, in the order of computation.
        self.map_channels = (channels[3], w16, w8, w4)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = features[-1]
        for level in (2, 1, 0):
            size = features[level].shape[-2:]
            x = F.interpolate(self.reduce[level](x), size, mode="bilinear", align_corners=False)
            x = self.smooth[level](F.relu(x + self.lateral[level](features[level])))
        return x


def _plain(inputs: int, outputs: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 1)


def _normalised(inputs: int, outputs: int) -> nn.Module:
    return conv_bn(inputs, outputs, 1, activation=None)

"""Merge an encoder's features into one map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn

_WIDTHS = (32, 48, 64)


class FeaturePyramid(nn.Module):
    """Merge features at strides 4, 8, 16 and 32 into one map at stride 4 with wide context.

    `widths` are the channels of the merged maps at strides 4, 8 and 16. Batch norms bring both addends to one
    scale: an encoder's features may be ten times as large as the map from above, and drown it while a new
    network learns.
    """

    def __init__(self, channels: tuple[int, int, int, int], widths: tuple[int, int, int] = _WIDTHS):
        super().__init__()
        above = (*widths[1:], channels[3])
        self.lateral = nn.ModuleList(_projection(inputs, width) for inputs, width in zip(channels, widths))
        self.reduce = nn.ModuleList(_projection(inputs, width) for inputs, width in zip(above, widths))
        self.smooth = nn.ModuleList(conv_bn(width, width) for width in widths)
        self.out_channels = widths[0]
        # Of the map that enters and of those that leave the levels, in the order of computation.
        self.map_channels = (channels[3], *reversed(widths))

    def forward(self, features: list[Tensor]) -> Tensor:
        x = features[-1]
        for level in (2, 1, 0):
            # A smoother enlargement costs more at run time than it gives.
            x = F.interpolate(self.reduce[level](x), scale_factor=2.0, mode="nearest")
            x = self.smooth[level](F.relu(x + self.lateral[level](features[level])))
        return x


def _projection(inputs: int, outputs: int) -> nn.Module:
    return conv_bn(inputs, outputs, 1, activation=None)

"""Encode both frames with plain convolutions, without pretrained weights.

Each camera has a branch of the same form, densely connected as in DenseFuse (Li and Wu, 2019). The branches
are concatenated, and further convolutions reach the lower strides. Widths are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.model.encoders.base import Encoder, check_hidden
from training.model.layers import conv_bn

_GROWTH = 16
_STEM = (16, 32)
_CHANNELS = (64, 96, 128, 128)


class _Branch(nn.Module):
    """Turn one camera's frame into a densely connected map at stride 4."""

    def __init__(self, inputs: int):
        super().__init__()
        first, second = _STEM
        self.stem = nn.Sequential(conv_bn(inputs, first, 3, 2), conv_bn(first, second, 3, 2))
        self.dense = nn.ModuleList(conv_bn(second + index * _GROWTH, _GROWTH) for index in range(2))
        self.out_channels = second + 2 * _GROWTH

    def forward(self, frame: Tensor) -> Tensor:
        x = self.stem(frame)
        for layer in self.dense:
            x = torch.cat((x, layer(x)), 1)
        return x


class PlainEncoder(Encoder):
    """Encode with plain convolutions; see Encoder for shapes. `pretrained` has no effect."""

    channels = _CHANNELS

    def __init__(self, pretrained: bool = False, hidden: Mapping[str, int] | None = None):
        super().__init__()
        check_hidden(hidden or {}, {})
        self.visible, self.infrared = _Branch(3), _Branch(1)
        self.join = conv_bn(self.visible.out_channels + self.infrared.out_channels, _CHANNELS[0], 1)
        self.down = nn.ModuleList(
            nn.Sequential(conv_bn(above, below, 3, 2), conv_bn(below, below))
            for above, below in pairwise(_CHANNELS)
        )

    def forward(self, rgb: Tensor, ir: Tensor) -> list[Tensor]:
        features = [self.join(torch.cat((self.visible(rgb), self.infrared(ir)), 1))]
        for layer in self.down:
            features.append(layer(features[-1]))
        return features

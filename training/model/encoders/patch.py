"""Encode both frames at once with plain convolutions, in few operations: the encoder of the shipped network.

A patch stem reads 4x4 pixels of both cameras as one cell, so that nothing runs at a higher resolution than
stride 4. Residual sums cost nothing at run time: an engine fuses them into the convolution before.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.encoders.base import Encoder, check_hidden
from training.model.layers import conv_bn

_CELL = 4
_CHANNELS = (32, 64, 128, 192)
# Dilations of the residual convolutions at strides 4, 8, 16 and 32. The last one sees as far as a lorry that
# fills the frame.
_DILATIONS = ((1,), (1,), (1, 1), (1, 2))


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.layer = conv_bn(width, width, activation=None, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.layer(x))


class PatchEncoder(Encoder):
    """Encode both cameras in one trunk; see Encoder for shapes. `pretrained` has no effect."""

    channels = _CHANNELS

    def __init__(self, pretrained: bool = False, hidden: Mapping[str, int] | None = None):
        super().__init__()
        check_hidden(hidden or {}, {})
        entries = [conv_bn(4, _CHANNELS[0], _CELL, _CELL)]
        entries += [conv_bn(above, below, 3, 2) for above, below in pairwise(_CHANNELS)]
        self.stages = nn.ModuleList(
            nn.Sequential(entry, *(_Residual(width, dilation) for dilation in dilations))
            for entry, width, dilations in zip(entries, _CHANNELS, _DILATIONS, strict=True)
        )

    def forward(self, rgb: Tensor, ir: Tensor) -> list[Tensor]:
        x = torch.cat((rgb, ir), 1)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features

"""Encode both frames at once, in few operations: the encoder of the shipped network.

Plain convolutions see the pixels: a patch stem reads 4x4 pixels of both cameras as one cell, so that nothing
runs at a higher resolution than stride 4. From stride 8 on follow blocks of EfficientNet-Lite0, which know
from ImageNet what no few hundred frames of roads teach; at strides 16 and 32 they cost little.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from training.model.encoders.base import Encoder, Hidden, check_hidden
from training.model.encoders.lite0 import BLOCKS, InvertedResidual, Lite0Encoder, hidden_of_block
from training.model.layers import conv_bn

_CELL = 4
_STRIDE_4, _STRIDE_8 = 32, 48
_FIRST_BLOCK = 5
_FEATURES_AFTER = (10, 12)
_KEPT = range(_FIRST_BLOCK, len(BLOCKS))
_HIDDEN = {f"blocks.{index}": BLOCKS[index].inputs * BLOCKS[index].expand for index in _KEPT}


class PatchEncoder(Encoder):
    """Encode both cameras in one trunk; see Encoder for shapes.

    `pretrained` starts the blocks from ImageNet's weights. `hidden` and errors: as Lite0Encoder has them.
    """

    channels = (_STRIDE_4, BLOCKS[_FIRST_BLOCK].inputs, 112, 192)

    def __init__(self, pretrained: bool = True, hidden: Mapping[str, int] | None = None):
        super().__init__()
        check_hidden(hidden or {}, _HIDDEN)
        widths = {**_HIDDEN, **(hidden or {})}
        self.cells = nn.Sequential(conv_bn(4, _STRIDE_4, _CELL, _CELL), conv_bn(_STRIDE_4, _STRIDE_4))
        # The blocks read a linear map.
        self.down = nn.Sequential(
            conv_bn(_STRIDE_4, _STRIDE_8, 3, 2), conv_bn(_STRIDE_8, self.channels[1], activation=None)
        )
        self.blocks = nn.ModuleDict(
            {str(index): InvertedResidual(BLOCKS[index], widths[f"blocks.{index}"]) for index in _KEPT}
        )
        if pretrained:
            published = Lite0Encoder(pretrained=True, hidden=hidden).blocks
            for index in _KEPT:
                self.blocks[str(index)].load_state_dict(published[index].state_dict())

    def forward(self, rgb: Tensor, ir: Tensor) -> list[Tensor]:
        fine = self.cells(torch.cat((rgb, ir), 1))
        x = self.down(fine)
        features = [fine, x]
        for index, block in self.blocks.items():
            x = block(x)
            if int(index) in _FEATURES_AFTER:
                features.append(x)
        return features

    def hidden_channels(self) -> dict[str, Hidden]:
        """Return by name the channels inside the blocks."""
        return {f"blocks.{index}": hidden_of_block(index) for index in _KEPT}

"""Say how the visible frame's luma changes, for every pixel.

All thinking runs at stride 4, where one cell holds the 16 pixels of each camera, and the result is
lifted once by pixel shuffle: a convolution at full size would cost more than the whole encoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn
from training.model.luma import LUMA_BT601

_CELL = 4
_PIXELS = _CELL * _CELL
# What a pixel exceeds its eight neighbours by.
_DETAIL = torch.tensor([[-1.0, -2.0, -1.0], [-2.0, 12.0, -2.0], [-1.0, -2.0, -1.0]]) / 16


class FusionHead(nn.Module):
    """Decide what of the infrared frame, and how much of either frame's detail, a pixel gains.

    `forward(x, rgb, ir)` takes stride-4 features and frames in 0..1 and returns (N, 1, H, W) to be added
    to the luma. It starts as the brighter of both frames, which beats most published fusions in most
    metrics, and learns from there:

        change = excess * relu(ir - luma - threshold) + towards_ir * (ir - luma)
                 + sharpen_luma * detail(luma) + sharpen_ir * detail(ir) + correction

    `threshold` and the two gains are one number a cell, the rest one number a pixel. The threshold lets
    a bright infrared background stay out, which would veil a dim scene.
    """

    luma_kernel: Tensor
    ir_kernel: Tensor

    def __init__(self, inputs: int, width: int = 32):
        super().__init__()
        self.luma_pixels = nn.Conv2d(_PIXELS, width, 1)
        self.ir_pixels = nn.Conv2d(_PIXELS, width, 1, bias=False)
        self.semantics = nn.Conv2d(inputs, width, 1)
        self.mix = conv_bn(width, width)
        self.excess = _constant_at_first(width, _PIXELS, 1.0)
        self.towards_ir = _constant_at_first(width, _PIXELS, 0.0)
        self.correction = _constant_at_first(width, _PIXELS, 0.0)
        self.cell = _constant_at_first(width, 3, 0.0)
        # Fixed convolutions gather pixels and their detail several times as fast as slices do.
        kernel = torch.zeros(2 * _PIXELS, 1, _CELL + 2, _CELL + 2)
        for pixel in range(_PIXELS):
            row, column = divmod(pixel, _CELL)
            kernel[pixel, 0, row + 1, column + 1] = 1
            kernel[_PIXELS + pixel, 0, row : row + 3, column : column + 3] = _DETAIL
        self.register_buffer("ir_kernel", kernel, persistent=False)
        luma = torch.tensor(LUMA_BT601).view(1, 3, 1, 1)
        self.register_buffer("luma_kernel", kernel * luma, persistent=False)

    def forward(self, x: Tensor, rgb: Tensor, ir: Tensor) -> Tensor:
        luma, luma_detail = F.conv2d(rgb, self.luma_kernel, stride=_CELL, padding=1).chunk(2, 1)
        infrared, ir_detail = F.conv2d(ir, self.ir_kernel, stride=_CELL, padding=1).chunk(2, 1)
        x = self.luma_pixels(luma) + self.ir_pixels(infrared) + self.semantics(x)
        x = self.mix(F.relu(x))
        difference = infrared - luma
        threshold, sharpen_luma, sharpen_ir = self.cell(x).chunk(3, 1)
        change = (
            self.excess(x) * F.relu(difference - threshold)
            + self.towards_ir(x) * difference
            + sharpen_luma * luma_detail
            + sharpen_ir * ir_detail
            + self.correction(x)
        )
        return F.pixel_shuffle(change, _CELL)


def _constant_at_first(inputs: int, outputs: int, value: float) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 1)
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.constant_(conv.bias, value)
    return conv

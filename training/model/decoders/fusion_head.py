"""Predict the change of the visible frame's luma at every pixel.

All layers run at stride 4, where one cell holds 16 pixels of each camera; one pixel shuffle enlarges the
result. A convolution at full size would cost more than the whole encoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CELL = 4
_PIXELS = _CELL * _CELL
# Infrared less the luma of BT.601, each weight a whole number of 127ths: int8 holds them exactly, and a
# camera's bytes too, so that a quantised file loses nothing here.
_EXCESS = tuple(weight / 127 for weight in (-38, -75, -14, 127))


class FusionHead(nn.Module):
    """Decide how much infrared every pixel gains, and what else changes.

    `forward(x, fine, rgb, ir)` takes a merged map, an encoder's own features at stride 4 and frames in 0..1.
    Returns the change of luma (N, 1, H, W), float32. Untrained, it gives the brighter of both frames within a
    grey level, and it learns from there:

        change = share * relu(ir - luma) + correction

    Share and correction are predicted for every pixel, the correction from the fine features too, which know
    single pixels. The excess is read from the frames themselves, in float32 or from their bytes, so that no
    rounding inside the network shows in the image.
    """

    excess: Tensor

    def __init__(self, inputs: int, fine_inputs: int):
        super().__init__()
        self.share = nn.Conv2d(inputs, _PIXELS, 1)
        self.correction = nn.Conv2d(inputs, _PIXELS, 1)
        self.detail = nn.Conv2d(fine_inputs, _PIXELS, 1, bias=False)
        for layer in (self.share, self.correction, self.detail):
            nn.init.zeros_(layer.weight)
        self.share.bias = nn.Parameter(torch.ones(_PIXELS))
        self.correction.bias = nn.Parameter(torch.zeros(_PIXELS))
        # A fixed convolution gathers a cell's pixels several times as fast as slices do.
        excess = torch.zeros(_PIXELS, 4, _CELL, _CELL)
        for pixel in range(_PIXELS):
            row, column = divmod(pixel, _CELL)
            excess[pixel, :, row, column] = torch.tensor(_EXCESS)
        self.register_buffer("excess", excess, persistent=False)

    def forward(self, x: Tensor, fine: Tensor, rgb: Tensor, ir: Tensor) -> Tensor:
        share, correction = self.share(x), self.correction(x) + self.detail(fine)
        with torch.autocast(x.device.type, enabled=False):
            excess = F.relu(F.conv2d(torch.cat((rgb, ir), 1), self.excess, stride=_CELL))
            return F.pixel_shuffle(share.float() * excess + correction.float(), _CELL)

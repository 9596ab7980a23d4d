"""Predict the change of the visible frame's luma at every pixel.

All layers run at stride 4, where one cell holds 16 pixels of each camera; one pixel shuffle enlarges the
result. A convolution at full size would cost more than the whole encoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn
from training.model.luma import LUMA_BT601

_CELL = 4
_PIXELS = _CELL * _CELL
# The excess of a pixel over its eight neighbours.
_DETAIL = torch.tensor([[-1.0, -2.0, -1.0], [-2.0, 12.0, -2.0], [-1.0, -2.0, -1.0]]) / 16
_AT_FIRST = {
    "excess": 1.0,
    "threshold": 0.0,
    "towards_ir": 0.0,
    "sharpen_luma": 0.0,
    "sharpen_ir": 0.0,
    "reveal": 0.0,
    "correction": 0.0,
}
_CELLS = 8  # side, in cells, of the squares, five by five of which make infrared's surround
_WARMER = 0.05  # excess over the surround below which warmth is a camera's noise


class FusionHead(nn.Module):
    """Decide how much infrared, and how much of either frame's detail, every pixel gains.

    `forward(x, rgb, ir)` takes stride-4 features and frames in 0..1 and returns the change of luma
    (N, 1, H, W). Untrained, it gives the brighter of both frames, and it learns from there:

        change = excess * relu(ir - luma - threshold) + towards_ir * (ir - luma)
                 + sharpen_luma * detail(luma) + sharpen_ir * detail(ir)
                 + reveal * relu(ir - surround(ir) - 0.05) + correction

    The frames are read pixel by pixel. The seven factors are predicted once a cell and interpolated between
    cell centres, so that no cell shows in the image. The threshold keeps out a bright infrared background,
    which would veil a dim scene. `reveal` shows warm things where the visible frame is as bright as they are,
    as smoke by day is.
    """

    luma_gather: Tensor
    luma_detail: Tensor
    ir_gather: Tensor
    ir_detail: Tensor
    interpolation: Tensor
    enlargement: Tensor

    def __init__(self, inputs: int, width: int = 32):
        super().__init__()
        self.luma_pixels = nn.Conv2d(_PIXELS, width, 1)
        self.ir_pixels = nn.Conv2d(_PIXELS, width, 1, bias=False)
        self.semantics = nn.Conv2d(inputs, width, 1)
        self.mix = conv_bn(width, width)
        self.factors = nn.Conv2d(width, len(_AT_FIRST), 1)
        nn.init.zeros_(self.factors.weight)
        self.factors.bias = nn.Parameter(torch.tensor(tuple(_AT_FIRST.values())))
        # Fixed convolutions gather a cell's pixels and their detail several times as fast as slices do. One
        # convolution for both would need a split, which costs more.
        gather = torch.zeros(_PIXELS, 1, _CELL, _CELL)
        detail = torch.zeros(_PIXELS, 1, _CELL + 2, _CELL + 2)
        for pixel in range(_PIXELS):
            row, column = divmod(pixel, _CELL)
            gather[pixel, 0, row, column] = 1
            detail[pixel, 0, row : row + 3, column : column + 3] = _DETAIL
        luma = torch.tensor(LUMA_BT601).view(1, 3, 1, 1)
        for name, kernel in (("gather", gather), ("detail", detail)):
            self.register_buffer(f"ir_{name}", kernel, persistent=False)
            self.register_buffer(f"luma_{name}", kernel * luma, persistent=False)
        self.register_buffer("interpolation", _interpolation(_CELL), persistent=False)
        self.register_buffer("enlargement", _interpolation(_CELLS), persistent=False)

    def forward(self, x: Tensor, rgb: Tensor, ir: Tensor) -> Tensor:
        luma = F.conv2d(rgb, self.luma_gather, stride=_CELL)
        infrared = F.conv2d(ir, self.ir_gather, stride=_CELL)
        x = self.luma_pixels(luma) + self.ir_pixels(infrared) + self.semantics(x)
        x = self.mix(F.relu(x))
        excess, threshold, towards_ir, sharpen_luma, sharpen_ir, reveal, correction = self._at_pixels(
            self.factors(x)
        )
        (surround,) = self._at_pixels(self._surround(infrared))
        difference = infrared - luma
        change = (
            excess * F.relu(difference - threshold)
            + towards_ir * difference
            + sharpen_luma * F.conv2d(rgb, self.luma_detail, stride=_CELL, padding=1)
            + sharpen_ir * F.conv2d(ir, self.ir_detail, stride=_CELL, padding=1)
            + reveal * F.relu(infrared - surround - _WARMER)
            + correction
        )
        return F.pixel_shuffle(change, _CELL)

    def _at_pixels(self, cells: Tensor) -> tuple[Tensor, ...]:
        # One by one: a grouped convolution of all would need a split, which costs more.
        return tuple(F.conv2d(cell, self.interpolation) for cell in _padded(cells).split(1, 1))

    def _surround(self, infrared: Tensor) -> Tensor:
        """Return (N, 1, H/4, W/4): the mean far around every cell of `infrared` (N, 16, H/4, W/4)."""
        # On a CPU, pooling and enlarging a single channel costs several times as much as this.
        coarse = F.avg_pool2d(infrared, _CELLS).mean(1, keepdim=True)
        wide = F.avg_pool2d(coarse, 5, 1, 2, count_include_pad=False)
        return F.pixel_shuffle(F.conv2d(_padded(wide), self.enlargement), _CELLS)


def _padded(plane: Tensor) -> Tensor:
    return F.pad(plane, (1, 1, 1, 1), mode="replicate")


def _interpolation(size: int) -> Tensor:
    """Return (size², 1, 3, 3): bilinear weights of a cell and its neighbours for each pixel of the cell."""
    offsets = (torch.arange(size) + 0.5) / size - 0.5
    along = torch.stack((F.relu(-offsets), 1 - offsets.abs(), F.relu(offsets)), 1)
    return torch.einsum("ru,cv->rcuv", along, along).reshape(size * size, 1, 3, 3)

"""Decode features into a change of luma and segmentation logits.

MultiTaskVIF (arXiv 2505.06665) replaces a fusion network's decoder by one multi-task head. Its
layers are not public, so these are ours. They follow what costs time on a CPU: all convolutions run
at stride 4 and below, and pixel shuffle lifts the results.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn

LUMA_BT601 = (0.299, 0.587, 0.114)


class FeaturePyramid(nn.Module):
    """Merge features at strides 4, 8 and 16 into one map at stride 4, seen with wide context.

    A level at stride 32 is added for context. Widths are those of strides 4, 8, 16 and 32.
    """

    def __init__(self, channels: tuple[int, int, int], widths: tuple[int, int, int, int] = (32, 64, 96, 128)):
        super().__init__()
        w4, w8, w16, w32 = widths
        self.down = nn.Sequential(conv_bn(channels[2], w32, 3, 2), conv_bn(w32, w32))
        self.lateral = nn.ModuleList(
            nn.Conv2d(inputs, width, 1) for inputs, width in zip(channels, (w4, w8, w16))
        )
        self.reduce = nn.ModuleList(
            nn.Conv2d(above, below, 1) for above, below in ((w8, w4), (w16, w8), (w32, w16))
        )
        self.smooth = nn.ModuleList(conv_bn(width, width) for width in (w4, w8, w16))
        self.out_channels = w4

    def forward(self, features: list[Tensor]) -> Tensor:
        x = self.down(features[-1])
        for level in (2, 1, 0):
            size = features[level].shape[-2:]
            x = F.interpolate(self.reduce[level](x), size, mode="bilinear", align_corners=False)
            x = self.smooth[level](F.relu(x + self.lateral[level](features[level])))
        return x


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


class FusionHead(nn.Module):
    """Say how the visible frame's luma changes, for every pixel.

    The change is a share of the way from luma to infrared and a correction. Both are decided at
    stride 4, where one cell holds all 16 pixels of each camera, and lifted once by pixel shuffle.
    `forward(x, rgb, ir)` takes frames in 0..1 and returns (N, 1, H, W) to be added to the luma.
    """

    luma_kernel: Tensor
    ir_kernel: Tensor

    def __init__(self, inputs: int, width: int = 32):
        super().__init__()
        self.luma_pixels = nn.Conv2d(16, width, 1)
        self.ir_pixels = nn.Conv2d(16, width, 1, bias=False)
        self.semantics = nn.Conv2d(inputs, width, 1)
        self.mix = conv_bn(width, width)
        self.weight = nn.Conv2d(width, 16, 3, padding=1)
        self.correction = nn.Conv2d(width, 16, 3, padding=1)
        # Convolutions with fixed kernels gather cells several times as fast as slices and reshapes.
        pick = torch.eye(16).view(16, 1, 4, 4)
        luma = torch.tensor(LUMA_BT601).view(1, 3, 1, 1)
        self.register_buffer("luma_kernel", pick * luma, persistent=False)
        self.register_buffer("ir_kernel", pick, persistent=False)

    def forward(self, x: Tensor, rgb: Tensor, ir: Tensor) -> Tensor:
        luma_cells = F.conv2d(rgb, self.luma_kernel, stride=4)
        ir_cells = F.conv2d(ir, self.ir_kernel, stride=4)
        x = self.luma_pixels(luma_cells) + self.ir_pixels(ir_cells) + self.semantics(x)
        x = self.mix(F.relu(x))
        # One minus the sigmoid, so that a kept visible pixel is kept exactly.
        towards_ir = torch.sigmoid(-self.weight(x))
        return F.pixel_shuffle(towards_ir * (ir_cells - luma_cells) + self.correction(x), 4)


class MultiTaskHead(nn.Module):
    """Decode one feature pyramid into both the change of luma and the segmentation logits."""

    def __init__(self, channels: tuple[int, int, int], classes: int):
        super().__init__()
        self.pyramid = FeaturePyramid(channels)
        self.segmentation = SegmentationHead(self.pyramid.out_channels, classes)
        self.fusion = FusionHead(self.pyramid.out_channels)

    def forward(self, features: list[Tensor], rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pyramid(features)
        return self.fusion(x, rgb, ir), self.segmentation(x)

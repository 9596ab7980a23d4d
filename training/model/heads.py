"""Decode features into a fused luma plane and segmentation logits.

MultiTaskVIF (arXiv 2505.06665) replaces a fusion network's decoder by one multi-task head. Its
layers are not public, so these are ours. They follow what costs time on a CPU: all convolutions run
at stride 4 and below, and pixel shuffle lifts the results.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.layers import conv_bn


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
    """Fuse luma and infrared with a weight and a correction predicted for every pixel.

    Both are decided at stride 4, where one cell holds all 16 pixels of each camera, and lifted by
    pixel shuffle. Takes and returns planes (N, 1, H, W) in 0..1.
    """

    def __init__(self, inputs: int, width: int = 32):
        super().__init__()
        self.luma_pixels = nn.Conv2d(1, width, 4, 4)
        self.ir_pixels = nn.Conv2d(1, width, 4, 4, bias=False)
        self.semantics = nn.Conv2d(inputs, width, 1)
        self.mix = conv_bn(width, width)
        self.weight = nn.Conv2d(width, 16, 3, padding=1)
        self.correction = nn.Conv2d(width, 16, 3, padding=1)

    def forward(self, x: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
        x = self.mix(F.relu(self.luma_pixels(luma) + self.ir_pixels(ir) + self.semantics(x)))
        weight = F.pixel_shuffle(torch.sigmoid(self.weight(x)), 4)
        return ir + weight * (luma - ir) + F.pixel_shuffle(self.correction(x), 4)


class MultiTaskHead(nn.Module):
    """Decode one feature pyramid into both the fused luma and the segmentation logits."""

    def __init__(self, channels: tuple[int, int, int], classes: int):
        super().__init__()
        self.pyramid = FeaturePyramid(channels)
        self.segmentation = SegmentationHead(self.pyramid.out_channels, classes)
        self.fusion = FusionHead(self.pyramid.out_channels)

    def forward(self, features: list[Tensor], luma: Tensor, ir: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pyramid(features)
        return self.fusion(x, luma, ir), self.segmentation(x)

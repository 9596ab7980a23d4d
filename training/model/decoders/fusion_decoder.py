"""Decode only the fused image, without segmentation."""

from __future__ import annotations

from torch import Tensor, nn

from training.model.decoders.fusion_head import FusionHead
from training.model.decoders.pyramid import FeaturePyramid


class FusionDecoder(nn.Module):
    """Decode one feature pyramid into the change of luma and no logits."""

    def __init__(self, channels: tuple[int, int, int, int]):
        super().__init__()
        self.pyramid = FeaturePyramid(channels)
        self.fusion = FusionHead(self.pyramid.out_channels, channels[0])

    def forward(self, features: list[Tensor], rgb: Tensor, ir: Tensor) -> tuple[Tensor, None]:
        return self.fusion(self.pyramid(features), features[0], rgb, ir), None

"""Decode only the segmentation: the second half of a Cascade."""

from __future__ import annotations

from torch import Tensor, nn

from training.model.decoders.pyramid import FeaturePyramid
from training.model.decoders.segmentation_head import SegmentationHead


class SegmentationDecoder(nn.Module):
    """Decode one feature pyramid into segmentation logits and no change of luma."""

    def __init__(self, channels: tuple[int, int, int, int], classes: int):
        super().__init__()
        self.pyramid = FeaturePyramid(channels)
        self.segmentation = SegmentationHead(self.pyramid.out_channels, classes)

    def forward(self, features: list[Tensor]) -> Tensor:
        return self.segmentation(self.pyramid(features))

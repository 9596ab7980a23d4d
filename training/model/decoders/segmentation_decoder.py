"""Decode the segmentation alone: the second half of a cascade."""

from __future__ import annotations

from torch import Tensor, nn

from training.model.decoders.pyramid import FeaturePyramid
from training.model.decoders.segmentation_head import SegmentationHead


class SegmentationDecoder(nn.Module):
    """Decode one feature pyramid into segmentation logits; there is no change of luma."""

    def __init__(self, channels: tuple[int, int, int, int], classes: int, normalise: bool = False):
        super().__init__()
        self.pyramid = FeaturePyramid(channels, normalise=normalise)
        self.segmentation = SegmentationHead(self.pyramid.out_channels, classes)

    @property
    def segmentation_pyramid(self) -> FeaturePyramid:
        """Return the pyramid, by the name that it has in every decoder."""
        return self.pyramid

    def forward(self, features: list[Tensor]) -> Tensor:
        return self.segmentation(self.pyramid(features))

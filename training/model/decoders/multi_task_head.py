"""Decode both tasks at once: MultiTaskVIF's multi-task head (MTH).

MultiTaskVIF (arXiv 2505.06665) replaces a fusion network's decoder by one head for the fused image and the
segmentation. Its layers are not published; these are ours.
"""

from __future__ import annotations

from torch import Tensor, nn

from training.model.decoders.fusion_head import FusionHead
from training.model.decoders.pyramid import FeaturePyramid
from training.model.decoders.segmentation_head import SegmentationHead


class MultiTaskHead(nn.Module):
    """Decode one feature pyramid, which both tasks share, into change of luma and segmentation logits."""

    def __init__(self, channels: tuple[int, int, int, int], classes: int):
        super().__init__()
        self.pyramid = FeaturePyramid(channels)
        self.fusion = FusionHead(self.pyramid.out_channels, channels[0])
        self.segmentation = SegmentationHead(self.pyramid.out_channels, classes)

    def forward(self, features: list[Tensor], rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pyramid(features)
        return self.fusion(x, features[0], rgb, ir), self.segmentation(x)

"""Decode both tasks at once: MultiTaskVIF's multi-task head (MTH).

MultiTaskVIF (arXiv 2505.06665) replaces a fusion network's decoder by one head for the fused image and the
segmentation. Its layers are not published; these are ours.
"""

from __future__ import annotations

from torch import Tensor, nn

from training.model.decoders.fusion_head import FusionHead
from training.model.decoders.pyramid import FeaturePyramid
from training.model.decoders.segmentation_head import SegmentationHead

# Channels of fusion's merged maps at strides 4, 8 and 16: narrower than segmentation's, at little loss
# (docs/explanation/network.md).
_FUSION_WIDTHS = (32, 32, 48)


class MultiTaskHead(nn.Module):
    """Decode an encoder's features into the change of luma and the segmentation logits.

    Each task has a pyramid of its own: with a shared one, fusion falls behind networks that only fuse
    (docs/explanation/network.md).
    """

    def __init__(self, channels: tuple[int, int, int, int], classes: int, normalise: bool = False):
        super().__init__()
        self.segmentation_pyramid = FeaturePyramid(channels, normalise=normalise)
        self.segmentation = SegmentationHead(self.segmentation_pyramid.out_channels, classes)
        self.fusion_pyramid = FeaturePyramid(channels, _FUSION_WIDTHS, normalise)
        self.fusion = FusionHead(self.fusion_pyramid.out_channels)

    def forward(self, features: list[Tensor], rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor]:
        change = self.fusion(self.fusion_pyramid(features), rgb, ir)
        return change, self.segmentation(self.segmentation_pyramid(features))

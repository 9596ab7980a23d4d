"""Decoders: from an encoder's features to a change of luma, segmentation logits or both."""

from training.model.decoders.fusion_decoder import FusionDecoder
from training.model.decoders.multi_task_head import MultiTaskHead
from training.model.decoders.segmentation_decoder import SegmentationDecoder
from training.model.decoders.segmentation_head import (
    best_classes,
    best_probabilities,
    spread_cells,
    spread_quarters,
)

__all__ = [
    "FusionDecoder",
    "MultiTaskHead",
    "SegmentationDecoder",
    "best_classes",
    "best_probabilities",
    "spread_cells",
    "spread_quarters",
]

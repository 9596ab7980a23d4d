"""Balance the losses of fusion and segmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from training.config import LossWeights
from training.losses import fusion, segmentation
from training.losses.teacher import Taught, distillation_loss, feature_loss, imitation_loss, revealing_loss
from training.model.decoders import spread_cells
from training.model.learner import Outputs
from training.model.luma import luma_of

FUSION_LOSSES: dict[str, fusion.FusionLoss] = {
    "intensity": fusion.intensity_loss,
    "gradient": fusion.gradient_loss,
    "structure": fusion.structure_loss,
    "difference": fusion.difference_loss,
    "fidelity": fusion.fidelity_loss,
    "edge": fusion.edge_loss,
}
SEGMENTATION_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "likelihood": segmentation.partial_label_loss,
    "dice": segmentation.class_dice_loss,
}
# Windowed statistics at full size cost more than the network; a quarter of the batch is enough.
_COSTLY = ("structure", "fidelity", "edge")
_COSTLY_SHARE = 4

FusionJudge = Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]]


def joint_loss(
    outputs: Outputs,
    rgb: Tensor,
    ir: Tensor,
    allowed: Tensor,
    weights: LossWeights,
    taught: Taught | None = None,
    judge_fusion: FusionJudge | None = None,
) -> dict[str, Tensor]:
    """Return every weighted term by name; training lowers their sum.

    `outputs` are a learner's, `rgb` and `ir` its inputs, `allowed` (N, C, H/2, W/2) the classes that each
    2x2 pixels may have. The term `auxiliary` applies the segmentation losses to the inner logits. `taught` is
    what a teacher says of the frames. A term of weight zero is not computed. `judge_fusion` replaces
    fusion_terms with these weights, see training.loop.graphs.
    """
    terms: dict[str, Tensor] = {}
    change = outputs.change.float()
    if outputs.cells is not None:
        logits = spread_cells(outputs.cells).float()
        for name, segments in SEGMENTATION_LOSSES.items():
            if weight := getattr(weights, name):
                terms[name] = weight * segments(logits, allowed)
        if taught is not None and weights.distillation:
            terms["distillation"] = weights.distillation * distillation_loss(logits, taught.probabilities)
        if outputs.inner:
            terms["auxiliary"] = weights.auxiliary * _inner_loss(outputs.inner, allowed, weights)
    if taught is not None and outputs.features:
        terms["features"] = weights.features * feature_loss(outputs.features, taught.features)
    if taught is not None and weights.imitation:
        terms["imitation"] = weights.imitation * imitation_loss(change, taught.change)
    if taught is not None and weights.revealing:
        hidden = fusion.revealed(luma_of(rgb), ir)
        terms["revealing"] = weights.revealing * revealing_loss(change, taught.change, hidden)
    judge_fusion = judge_fusion or partial(fusion_terms, weights=weights)
    return terms | judge_fusion(change, rgb, ir)


def fusion_terms(change: Tensor, rgb: Tensor, ir: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """Return the weighted terms of the fused image, see joint_loss; `change` is float32."""
    terms: dict[str, Tensor] = {}
    if not any(getattr(weights, name) for name in (*FUSION_LOSSES, "colour")):
        return terms
    luma = luma_of(rgb)
    # Values beyond black and white show nothing; colour_loss has the gradient back.
    fused = (luma + change).clamp(0, 1)
    few = max(1, luma.shape[0] // _COSTLY_SHARE)
    for name, fuses in FUSION_LOSSES.items():
        if weight := getattr(weights, name):
            part = slice(few) if name in _COSTLY else slice(None)
            terms[name] = weight * fuses(fused[part], luma[part], ir[part])
    if weights.colour:
        terms["colour"] = weights.colour * fusion.colour_loss(change, rgb)
    return terms


def _inner_loss(inner: Sequence[Tensor], allowed: Tensor, weights: LossWeights) -> Tensor:
    losses = []
    for logits in inner:
        stride = allowed.shape[-1] // logits.shape[-1]
        at_centres = allowed[:, :, stride // 2 :: stride, stride // 2 :: stride]
        losses += [
            weight * segments(logits.float(), at_centres)
            for name, segments in SEGMENTATION_LOSSES.items()
            if (weight := getattr(weights, name))
        ]
    return torch.stack(losses).sum()

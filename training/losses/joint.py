"""Balance fusion and segmentation in one loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from training.losses import fusion, segmentation
from training.model.decoders import spread_cells
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
    "lovasz": segmentation.lovasz_loss,
}
# Windowed statistics at full size cost more than the network; some samples of a batch are enough.
_COSTLY = ("structure", "fidelity", "edge")
_COSTLY_SHARE = 4

FusionJudge = Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]]


def joint_loss(
    change: Tensor,
    cells: Tensor | None,
    rgb: Tensor,
    ir: Tensor,
    allowed: Tensor,
    weights: Mapping[str, float],
    inner: Sequence[Tensor] = (),
    taught: Tensor | None = None,
    judge_fusion: FusionJudge | None = None,
) -> dict[str, Tensor]:
    """Return every weighted term by name; their sum is what training lowers.

    `change` (N, 1, H, W) and `cells` (N, H/4, W/4, C, 16 or None) are a network's outputs, `rgb` and `ir`
    its inputs, `allowed` (N, H, W) int32 bit sets of classes. `inner` are the logits (N, C, h, w) of
    DeepSupervision, which the term `auxiliary` judges by the losses of segmentation with their weights.
    `taught` are the probabilities (N, C, H, W) of training.loop.distillation, for the term `distillation`.
    `weights` names the terms; a term that is absent or zero is not computed. `judge_fusion` stands in for
    fusion_terms with these weights, see training.loop.graphs. Raises ValueError for a name that is none and
    for `auxiliary` without a loss of segmentation.
    """
    check_terms(weights)
    terms: dict[str, Tensor] = {}
    if cells is not None:
        logits = spread_cells(cells).float()
        for name, segments in SEGMENTATION_LOSSES.items():
            if weights.get(name, 0):
                terms[name] = weights[name] * segments(logits, allowed)
        if taught is not None:
            terms["distillation"] = weights["distillation"] * segmentation.distillation_loss(logits, taught)
        if inner:
            terms["auxiliary"] = weights["auxiliary"] * _inner_loss(inner, allowed, weights)
    judge_fusion = judge_fusion or partial(fusion_terms, weights=weights)
    return terms | judge_fusion(change.float(), rgb, ir)


def fusion_terms(change: Tensor, rgb: Tensor, ir: Tensor, weights: Mapping[str, float]) -> dict[str, Tensor]:
    """Return the weighted terms that judge the fused image, see joint_loss; `change` in float32."""
    terms: dict[str, Tensor] = {}
    luma = luma_of(rgb)
    # Beyond black and white there is nothing to see; colour_loss leads back from there.
    fused = (luma + change).clamp(0, 1)
    few = max(1, luma.shape[0] // _COSTLY_SHARE)
    for name, fuses in FUSION_LOSSES.items():
        if weights.get(name, 0):
            part = slice(few) if name in _COSTLY else slice(None)
            terms[name] = weights[name] * fuses(fused[part], luma[part], ir[part])
    if weights.get("colour", 0):
        terms["colour"] = weights["colour"] * fusion.colour_loss(change, rgb)
    return terms


def _inner_loss(inner: Sequence[Tensor], allowed: Tensor, weights: Mapping[str, float]) -> Tensor:
    losses = []
    for logits in inner:
        stride = allowed.shape[-1] // logits.shape[-1]
        at_centres = allowed[:, stride // 2 :: stride, stride // 2 :: stride]
        losses += [
            weights[name] * segments(logits.float(), at_centres)
            for name, segments in SEGMENTATION_LOSSES.items()
            if weights.get(name, 0)
        ]
    return torch.stack(losses).sum()


def check_terms(weights: Mapping[str, float]) -> None:
    """Raise ValueError for a name that is no term, and for `auxiliary` without a loss of segmentation."""
    known = {*FUSION_LOSSES, *SEGMENTATION_LOSSES, "auxiliary", "colour", "distillation"}
    unknown = sorted(weights.keys() - known)
    if unknown:
        raise ValueError(f"loss: unknown terms {unknown}; choose from {sorted(known)}")
    if weights.get("auxiliary", 0) and not any(weights.get(name, 0) for name in SEGMENTATION_LOSSES):
        raise ValueError(f"loss: auxiliary judges by {list(SEGMENTATION_LOSSES)}; give one of them a weight")

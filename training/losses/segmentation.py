"""Losses of segmentation logits against the classes that each pixel may have; all are pure functions."""

from __future__ import annotations

from torch import Tensor


def partial_label_loss(logits: Tensor, allowed: Tensor, hardest: float = 0.35) -> Tensor:
    """Return minus the log of the summed probability of each pixel's allowed classes, mean over pixels.

    `logits` is (N, C, h, w), `allowed` bool of the same shape. With one allowed class this is cross-entropy;
    with all allowed it is zero. Of the pixels that exclude any class only the `hardest` share counts (online
    hard example mining, Shrivastava et al., 2016).
    """
    scores = logits.float()
    of_allowed = scores.masked_fill(~allowed, -1e4).logsumexp(1)
    loss = (scores.logsumexp(1) - of_allowed)[~allowed.all(1)]
    if loss.numel() == 0:
        return scores.sum() * 0
    kept = max(1, int(loss.numel() * hardest))
    return loss.topk(kept).values.mean()


def class_dice_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """Return one minus the mean soft Dice of the classes present (Milletari et al., V-Net, 2016).

    Only pixels with exactly one allowed class count. Rare classes weigh as much as common ones.
    """
    target = (allowed & (allowed.sum(1, True) == 1)).float()
    known = target.sum(1, True)
    probability = logits.float().softmax(1) * known
    overlap = (probability * target).sum((0, 2, 3))
    total = (probability + target).sum((0, 2, 3))
    present = target.sum((0, 2, 3)) > 0
    if not present.any():
        return logits.sum() * 0
    return (1 - 2 * overlap[present] / total[present].clamp_min(1e-6)).mean()

"""Judge segmentation logits against the classes that each pixel may have; every loss is a pure function."""

from __future__ import annotations

import torch
from torch import Tensor


def partial_label_loss(logits: Tensor, allowed: Tensor, hardest: float = 0.35) -> Tensor:
    """Ask that each pixel's allowed classes together have probability one.

    `logits` is (N, C, h, w), `allowed` (N, h, w) int32 bit sets over the C classes. For one allowed
    class this is cross-entropy; for all of them it is zero. Only the `hardest` share of the pixels
    that say anything counts (online hard example mining, Shrivastava et al., 2016).
    """
    bits = torch.arange(logits.shape[1], device=logits.device).view(1, -1, 1, 1)
    may_be = (allowed.unsqueeze(1) >> bits) & 1 == 1
    scores = logits.float()
    of_allowed = scores.masked_fill(~may_be, -1e4).logsumexp(1)
    loss = (scores.logsumexp(1) - of_allowed)[~may_be.all(1)]
    if loss.numel() == 0:
        return scores.sum() * 0
    kept = max(1, int(loss.numel() * hardest))
    return loss.topk(kept).values.mean()


def class_dice_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """Return one minus the mean soft Dice of the classes present (Milletari et al., V-Net, 2016).

    Only pixels with exactly one allowed class count. Rare classes weigh as much as common ones.
    """
    bits = 1 << torch.arange(logits.shape[1], device=logits.device).view(1, -1, 1, 1)
    target = (allowed.unsqueeze(1) == bits).float()
    known = target.sum(1, True)
    probability = logits.float().softmax(1) * known
    overlap = (probability * target).sum((0, 2, 3))
    total = (probability + target).sum((0, 2, 3))
    present = target.sum((0, 2, 3)) > 0
    if not present.any():
        return logits.sum() * 0
    return (1 - 2 * overlap[present] / total[present].clamp_min(1e-6)).mean()


def distillation_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """Return the divergence of the softmax of `logits` from the probabilities `taught`, both (N, C, h, w).

    Kullback-Leibler in nats, mean over the pixels (Hinton et al., Distilling the knowledge in a neural
    network, 2015).
    """
    own = logits.float().log_softmax(1)
    return (torch.xlogy(taught, taught) - taught * own).sum(1).mean()


def lovasz_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """Return the Lovasz extension of one minus IoU, mean over the classes present.

    Berman et al., The Lovasz-Softmax loss, CVPR 2018. Only pixels with exactly one allowed class count.
    """
    classes = logits.shape[1]
    bits = 1 << torch.arange(classes, device=logits.device)
    known = (allowed.unsqueeze(-1) == bits).any(-1)
    if not known.any():
        return logits.sum() * 0
    probability = logits.float().softmax(1).permute(0, 2, 3, 1)[known]
    target = (allowed[known].unsqueeze(1) == bits).float()
    losses = []
    for index in target.any(0).nonzero().flatten().tolist():
        truth = target[:, index]
        errors, order = (truth - probability[:, index]).abs().sort(descending=True)
        truth = truth[order]
        intersection = truth.sum() - truth.cumsum(0)
        union = truth.sum() + (1 - truth).cumsum(0)
        jaccard = 1 - intersection / union
        losses.append(errors @ torch.cat((jaccard[:1], jaccard[1:] - jaccard[:-1])))
    return torch.stack(losses).mean()

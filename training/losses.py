"""Judge fused luma and segmentation logits; every loss is a pure function."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


def gradients(plane: Tensor) -> Tensor:
    """Return horizontal and vertical Sobel derivatives (N, 2, H, W) of (N, 1, H, W)."""
    horizontal = plane.new_tensor(_SOBEL) / 4
    kernel = torch.stack((horizontal, horizontal.T)).unsqueeze(1)
    return F.conv2d(F.pad(plane, (1, 1, 1, 1), mode="replicate"), kernel)


def intensity_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Ask for the brighter of both sources at every pixel (Tang et al., SeAFusion, 2022)."""
    return F.l1_loss(fused, torch.maximum(luma, ir))


def gradient_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Ask for the stronger of both sources' gradients, with its sign, so that edges do not invert.

    SeAFusion (Tang et al., 2022) compares magnitudes; the sign is our change.
    """
    of_luma, of_ir = gradients(luma), gradients(ir)
    stronger = of_luma.square().sum(1, True) >= of_ir.square().sum(1, True)
    return F.l1_loss(gradients(fused), torch.where(stronger, of_luma, of_ir))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean structural similarity of planes in 0..1 over 8x8 windows (Wang et al., 2004)."""
    c1, c2 = 0.01**2, 0.03**2

    def mean(plane: Tensor) -> Tensor:
        return F.avg_pool2d(plane, 8, 4)

    mean_a, mean_b = mean(a), mean(b)
    var_a = mean(a * a) - mean_a**2
    var_b = mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return similarity.mean()


def structure_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return one minus the mean SSIM of the fused plane with both sources."""
    return 1 - (ssim(fused, luma) + ssim(fused, ir)) / 2


def partial_label_loss(logits: Tensor, allowed: Tensor, hardest: float = 0.25) -> Tensor:
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

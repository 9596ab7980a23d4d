"""Losses of a fused luma plane against both sources; all are pure functions.

All planes are (N, 1, H, W) in 0..1. The losses of structure, difference, fidelity and edges are
differentiable forms of metrics in mtvif_ros/metrics/fusion.py, which names their sources.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

FusionLoss = Callable[[Tensor, Tensor, Tensor], Tensor]

_SURROUND = 8  # side of the squares, five by five of which make a pixel's surround
_FAR_SURROUND = 32  # wide enough that a nearby person is not their own surround
_WARMER = 0.05  # excess over the far surround below which warmth is a camera's noise
_REVEALED = 1.2  # gain on that excess for things behind smoke
_HIDDEN_WEIGHT, _SILHOUETTE_WEIGHT = 70.0, 14.0  # extra weight of these rare pixels, times their warmth
_VIF_WINDOWS = (9, 5, 3)


def intensity_target(luma: Tensor, ir: Tensor) -> Tensor:
    """Return the brighter of luma and stretched infrared, except where that would hide something.

    SeAFusion (Tang et al., 2022) takes the brighter source. We change three things. The coldest quarter of
    the infrared frame becomes black, so that a warm background does not veil a dim scene. In a very bright
    surround the visible pixel stays, and so does a silhouette, because white on white is invisible. Warm
    things behind smoke become brighter than the smoke, see hidden_warmth.
    """
    sparse = ir[..., ::4, ::4]  # nearly the quantile of all pixels, in a sixteenth of the time
    background = torch.quantile(sparse.flatten(1), 0.25, dim=1).view(-1, 1, 1, 1)
    stretched = (ir - background).clamp_min(0) / (1 - background).clamp_min(0.3)
    admitted = ((0.9 - _surround(luma, _SURROUND)) / 0.3).clamp(0, 1) * (1 - silhouette(luma))
    added = torch.maximum(admitted * F.relu(stretched - luma), hidden_warmth(luma, ir))
    return luma + added.minimum(1 - luma)


def hidden_warmth(luma: Tensor, ir: Tensor) -> Tensor:
    """Return what a fused image gains where infrared is warm and the visible frame bright and empty; ours.

    Smoke by day looks like that: it is as bright as a warm person in infrared, so the brighter source would
    hide them. The gain is slightly more than the excess of infrared over its far surround.
    """
    surround = _surround(luma, _SURROUND)
    spread = (_surround(luma * luma, _SURROUND) - surround * surround).clamp_min(0).sqrt()
    bright, empty = ((surround - 0.35) / 0.2).clamp(0, 1), ((0.08 - spread) / 0.04).clamp(0, 1)
    return _REVEALED * bright * empty * _warmth(ir)


def silhouette(luma: Tensor) -> Tensor:
    """Return 0..1: how clearly a visible pixel is dark before a bright surround; ours."""
    surround = _surround(luma, _FAR_SURROUND)
    return ((surround - 0.5) / 0.15).clamp(0, 1) * ((surround - luma - 0.2) / 0.15).clamp(0, 1)


def intensity_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return the mean distance from intensity_target, of which the pixels of `revealed` weigh more."""
    return ((1 + revealed(luma, ir)) * (fused - intensity_target(luma, ir)).abs()).mean()


def revealed(luma: Tensor, ir: Tensor) -> Tensor:
    """Return the extra weight of warm things behind smoke and of warm silhouettes, 0 elsewhere; ours.

    They are so few pixels that the losses of structure and difference outvote them otherwise.
    """
    return _HIDDEN_WEIGHT * hidden_warmth(luma, ir) + _SILHOUETTE_WEIGHT * silhouette(luma) * _warmth(ir)


def _warmth(ir: Tensor) -> Tensor:
    return F.relu(ir - _surround(ir, _FAR_SURROUND) - _WARMER)


def _surround(plane: Tensor, size: int) -> Tensor:
    coarse = F.avg_pool2d(F.avg_pool2d(plane, size), 5, 1, 2, count_include_pad=False)
    return F.interpolate(coarse, plane.shape[-2:], mode="bilinear", align_corners=False)


def gradient_loss(fused: Tensor, luma: Tensor, ir: Tensor, gain: float = 1.1) -> Tensor:
    """Return the mean distance from the stronger of both sources' gradients, times `gain`.

    SeAFusion compares magnitudes. The sign, which keeps edges from inverting, and the gain are ours.
    """
    of_luma, of_ir = gradients(luma), gradients(ir)
    stronger = of_luma.square().sum(1, True) >= of_ir.square().sum(1, True)
    return F.l1_loss(gradients(fused), gain * torch.where(stronger, of_luma, of_ir))


def colour_loss(change: Tensor, rgb: Tensor) -> Tensor:
    """Return how far the change of luma pushes R, G and B (N, 3, H, W) beyond 0..1, which loses colour."""
    changed = rgb + change
    return (F.relu(changed - 1) + F.relu(-changed)).mean()


def structure_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return one minus the mean SSIM with both sources (Wang et al., 2004; 11 pixels, sigma 1.5)."""
    return 1 - (_ssim(fused, luma) + _ssim(fused, ir)) / 2


def difference_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return two minus SCD: the change from one source should correlate with the other source."""
    return 2 - _correlation(fused - ir, luma) - _correlation(fused - luma, ir)


def fidelity_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return minus the summed pixel-domain VIF of both sources, without its finest scale."""
    return -_vif(luma, fused) - _vif(ir, fused)


def edge_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return one minus Qabf, the kept share of both sources' edge strength and angle."""
    of_fused, strength_fused = _edges(fused)
    kept, total = fused.new_zeros(()), fused.new_zeros(())
    for source in (luma, ir):
        of_source, strength = _edges(source)
        ratio = torch.minimum(strength, strength_fused) / torch.maximum(strength, strength_fused)
        cosine = (of_fused * of_source).sum(1, True).abs() / (strength * strength_fused)
        angle = 1 - torch.acos(cosine.clamp(max=0.9999)) / (math.pi / 2)
        quality = 0.9994 * torch.sigmoid(15 * (ratio - 0.5)) * 0.9879 * torch.sigmoid(22 * (angle - 0.8))
        kept = kept + (quality * strength).sum((1, 2, 3))
        total = total + strength.sum((1, 2, 3))
    return 1 - (kept / total).mean()


def gradients(plane: Tensor) -> Tensor:
    """Return horizontal and vertical Sobel derivatives (N, 2, H, W), a quarter of the usual scale.

    Differences and sums: their backward pass is many times as fast on a CPU as a convolution's.
    """
    padded = F.pad(plane, (1, 1, 1, 1), mode="replicate") / 4
    across = padded[..., :, 2:] - padded[..., :, :-2]
    down = padded[..., 2:, :] - padded[..., :-2, :]
    horizontal = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    vertical = down[..., :, :-2] + 2 * down[..., :, 1:-1] + down[..., :, 2:]
    return torch.cat((horizontal, vertical), 1)


def _edges(plane: Tensor) -> tuple[Tensor, Tensor]:
    edges = gradients(plane)
    return edges, (edges.square().sum(1, True) + 1e-8).sqrt()


def _smooth(planes: Tensor, size: int, sigma: float) -> Tensor:
    """Convolve every channel with a Gaussian, without padding."""
    at = torch.arange(size, device=planes.device, dtype=planes.dtype) - size // 2
    kernel = torch.exp(-at.square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    channels = planes.shape[1]
    planes = F.conv2d(planes, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(planes, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def _moments(a: Tensor, b: Tensor, size: int, sigma: float) -> tuple[Tensor, ...]:
    """Return local means of a and b, their variances and their covariance."""
    smooth = _smooth(torch.cat((a, b, a * a, b * b, a * b), 1), size, sigma)
    mean_a, mean_b, square_a, square_b, product = smooth.split(1, 1)
    return (
        mean_a,
        mean_b,
        (square_a - mean_a**2).clamp_min(0),
        (square_b - mean_b**2).clamp_min(0),
        product - mean_a * mean_b,
    )


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b, var_a, var_b, covariance = _moments(a, b, 11, 1.5)
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return similarity.mean()


def _vif(reference: Tensor, distorted: Tensor) -> Tensor:
    noise = 2.0 / 255**2
    seen, there = reference.new_zeros(()), reference.new_zeros(())
    for size in _VIF_WINDOWS:
        halved = _smooth(torch.cat((reference, distorted), 1), size, size / 5)[..., ::2, ::2]
        reference, distorted = halved.split(1, 1)
        _, _, var_r, var_d, covariance = _moments(reference, distorted, size, size / 5)
        # Small constants keep gradients finite in flat regions, where the metric branches.
        gain = (covariance / (var_r + noise / 20)).clamp_min(0)
        rest = (var_d - gain * covariance).clamp_min(noise / 2000)
        seen = seen + torch.log2(1 + gain**2 * var_r / (rest + noise)).sum((1, 2, 3))
        there = there + torch.log2(1 + var_r / noise).sum((1, 2, 3))
    return (seen / there.clamp_min(1)).mean()


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    a, b = (plane - plane.mean((1, 2, 3), True) for plane in (a, b))
    # Add one grey level of noise. A flat plane, such as the difference from a copied source, would otherwise
    # have so steep a gradient that clipping leaves nothing of the other terms.
    var_a, var_b = ((plane * plane).mean((1, 2, 3)) + 1 / 255**2 for plane in (a, b))
    return ((a * b).mean((1, 2, 3)) / (var_a * var_b).sqrt()).mean()

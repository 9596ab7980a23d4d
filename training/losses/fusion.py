"""Judge a fused luma plane by both sources; every loss is a pure function.

All planes are (N, 1, H, W) in 0..1. The last four losses follow metrics of
mtvif_ros/metrics/fusion.py in a form that has gradients; that module names their sources.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

FusionLoss = Callable[[Tensor, Tensor, Tensor], Tensor]

_SURROUND = 8  # the surround of a pixel is averaged over squares of this size, five by five;
_FAR_SURROUND = 32  # the far one is wide enough that a person nearby is not their own surround
_WARMER = 0.05  # than the far surround: less is a camera's noise
_REVEALED = 1.2  # times what something behind smoke is warmer by than that
_HIDDEN_WEIGHT, _SILHOUETTE_WEIGHT = 70.0, 14.0  # what these rare pixels weigh more, by their warmth
_VIF_WINDOWS = (9, 5, 3)


def intensity_target(luma: Tensor, ir: Tensor) -> Tensor:
    """Return the brighter of luma and stretched infrared, except where brightness would hide.

    SeAFusion (Tang et al., 2022) asks for the brighter source. Three changes are ours: the coldest quarter
    of the infrared frame becomes black, so that a warm background does not veil a dim scene; in a very
    bright surround the visible pixel stays, and so does a silhouette, because white on white is not seen;
    and what is warm behind smoke becomes brighter than the smoke, see hidden_warmth.
    """
    sparse = ir[..., ::4, ::4]  # says the same as all pixels, in a sixteenth of the time
    background = torch.quantile(sparse.flatten(1), 0.25, dim=1).view(-1, 1, 1, 1)
    stretched = (ir - background).clamp_min(0) / (1 - background).clamp_min(0.3)
    admitted = ((0.9 - _surround(luma, _SURROUND)) / 0.3).clamp(0, 1) * (1 - silhouette(luma))
    added = torch.maximum(admitted * F.relu(stretched - luma), hidden_warmth(luma, ir))
    return luma + added.minimum(1 - luma)


def hidden_warmth(luma: Tensor, ir: Tensor) -> Tensor:
    """Return what a fused image gains where infrared is warm and the visible frame bright and empty.

    So is smoke by day: as bright as a warm person in infrared, who would hardly show in the brighter of
    both. It is a little more than infrared exceeds its far surround by; ours.
    """
    surround = _surround(luma, _SURROUND)
    spread = (_surround(luma * luma, _SURROUND) - surround * surround).clamp_min(0).sqrt()
    bright, empty = ((surround - 0.35) / 0.2).clamp(0, 1), ((0.08 - spread) / 0.04).clamp(0, 1)
    return _REVEALED * bright * empty * _warmth(ir)


def silhouette(luma: Tensor) -> Tensor:
    """Return, 0..1, where the visible frame shows something dark before a bright surround; ours."""
    surround = _surround(luma, _FAR_SURROUND)
    return ((surround - 0.5) / 0.15).clamp(0, 1) * ((surround - luma - 0.2) / 0.15).clamp(0, 1)


def intensity_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return the mean distance from intensity_target.

    What is warm behind smoke or, as a silhouette, dark before a bright surround is rare and weighs more:
    otherwise the terms of structure and SCD outvote it.
    """
    rare = _HIDDEN_WEIGHT * hidden_warmth(luma, ir) + _SILHOUETTE_WEIGHT * silhouette(luma) * _warmth(ir)
    return ((1 + rare) * (fused - intensity_target(luma, ir)).abs()).mean()


def _warmth(ir: Tensor) -> Tensor:
    return F.relu(ir - _surround(ir, _FAR_SURROUND) - _WARMER)


def _surround(plane: Tensor, size: int) -> Tensor:
    coarse = F.avg_pool2d(F.avg_pool2d(plane, size), 5, 1, 2, count_include_pad=False)
    return F.interpolate(coarse, plane.shape[-2:], mode="bilinear", align_corners=False)


def gradient_loss(fused: Tensor, luma: Tensor, ir: Tensor, gain: float = 1.1) -> Tensor:
    """Ask for the stronger of both sources' gradients, a little raised, with its sign.

    SeAFusion compares magnitudes; the sign, so that edges do not invert, and the gain are ours.
    """
    of_luma, of_ir = gradients(luma), gradients(ir)
    stronger = of_luma.square().sum(1, True) >= of_ir.square().sum(1, True)
    return F.l1_loss(gradients(fused), gain * torch.where(stronger, of_luma, of_ir))


def colour_loss(change: Tensor, rgb: Tensor) -> Tensor:
    """Return how far R, G or B (N, 3, H, W) leaves 0..1 under the change of luma, where colour is lost."""
    changed = rgb + change
    return (F.relu(changed - 1) + F.relu(-changed)).mean()


def structure_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return one minus the mean SSIM with both sources (Wang et al., 2004; 11 pixels, sigma 1.5)."""
    return 1 - (_ssim(fused, luma) + _ssim(fused, ir)) / 2


def difference_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return two minus SCD: what is added to one source should be what the other holds."""
    return 2 - _correlation(fused - ir, luma) - _correlation(fused - luma, ir)


def fidelity_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return minus the pixel-domain VIF of both sources, summed; the finest of its scales is left out."""
    return -_vif(luma, fused) - _vif(ir, fused)


def edge_loss(fused: Tensor, luma: Tensor, ir: Tensor) -> Tensor:
    """Return one minus Qabf: the share of both sources' edge strength and angle that is kept."""
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

    By differences and sums: backwards, that is many times as fast on a CPU as a convolution.
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
    """Convolve every channel with a Gaussian and keep only what no border touches."""
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
        # The small numbers keep gradients finite in flat regions; the metric has hard cases there.
        gain = (covariance / (var_r + noise / 20)).clamp_min(0)
        rest = (var_d - gain * covariance).clamp_min(noise / 2000)
        seen = seen + torch.log2(1 + gain**2 * var_r / (rest + noise)).sum((1, 2, 3))
        there = there + torch.log2(1 + var_r / noise).sum((1, 2, 3))
    return (seen / there.clamp_min(1)).mean()


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    a, b = (plane - plane.mean((1, 2, 3), True) for plane in (a, b))
    # One grey level of noise: a plane that is flat, as a difference from a source that was copied is, would
    # have a gradient so steep that clipping leaves nothing of the other terms'.
    var_a, var_b = ((plane * plane).mean((1, 2, 3)) + 1 / 255**2 for plane in (a, b))
    return ((a * b).mean((1, 2, 3)) / (var_a * var_b).sqrt()).mean()

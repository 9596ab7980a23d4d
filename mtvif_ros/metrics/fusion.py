"""Measure how much of both cameras' images a fused image keeps.

All functions take planes (H, W) of equal size with grey levels 0..255; use the BT.601 luma of colour images.
If several fused images share their sources, `prepare` the sources once: they are half of the work.
Toolboxes differ by large factors under the same names; docs/explanation/metrics.md compares the conventions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.image import Image

Plane = npt.NDArray[np.float64]
AnyPlane = npt.NDArray[Any]

_VIF_WINDOWS = (17, 9, 5, 3)
_LEAST = 25  # px, of which those windows and halvings leave something
_SSIM_WINDOW, _SSIM_SIGMA = 11, 1.5


class Prepared:
    """Hold a plane (H, W) as float64 and what metrics derive from it alone, computed on first use."""

    def __init__(self, plane: AnyPlane):
        self.plane: Plane = np.asarray(plane, np.float64)

    @cached_property
    def edges(self) -> tuple[Plane, Plane]:
        """Strength and angle of Sobel edges."""
        return _edges(self.plane)

    @cached_property
    def window(self) -> tuple[Plane, Plane]:
        """Local mean and variance in the window of SSIM."""
        return _mean_and_variance(self.plane, _SSIM_WINDOW, _SSIM_SIGMA)

    @cached_property
    def scales(self) -> list[tuple[Plane, Plane, Plane]]:
        """The plane at the four scales of VIF, each with local mean and variance."""
        found, plane = [], self.plane
        for size in _VIF_WINDOWS:
            if size != _VIF_WINDOWS[0]:
                plane = _smooth(plane, size, size / 5)[::2, ::2].copy()
            found.append((plane, *_mean_and_variance(plane, size, size / 5)))
        return found


AnySource = AnyPlane | Prepared


def prepare(plane: AnySource) -> Prepared:
    """Return the plane in a form that is cheap to compare with many others."""
    return plane if isinstance(plane, Prepared) else Prepared(plane)


def luma(rgb: Image) -> Plane:
    """Return the BT.601 luma (H, W) of an R G B image (H, W, 3), in 0..255 and not rounded."""
    return np.asarray(rgb @ np.array([0.299, 0.587, 0.114]), np.float64)


def entropy(fused: Plane) -> float:
    """Return EN, the entropy of the histogram of 256 grey levels, in bits (Roberts et al., 2008)."""
    return _entropy_of(np.bincount(_levels(fused), minlength=256))


def standard_deviation(fused: Plane) -> float:
    """Return SD, the population standard deviation, in grey levels."""
    return float(fused.std())


def spatial_frequency(fused: Plane) -> float:
    """Return SF, the root of the summed mean squares of row and column differences, in grey levels.

    Eskicioglu and Fisher, 1995; each mean is over the differences that exist.
    """
    rows, columns = np.diff(fused, axis=1), np.diff(fused, axis=0)
    return float(np.sqrt(np.mean(rows**2) + np.mean(columns**2)))


def average_gradient(fused: Plane) -> float:
    """Return AG, the mean of sqrt((dx^2 + dy^2) / 2) over forward differences, in grey levels.

    Cui et al., 2015.
    """
    dx = fused[:-1, 1:] - fused[:-1, :-1]
    dy = fused[1:, :-1] - fused[:-1, :-1]
    return float(np.mean(np.sqrt((dx**2 + dy**2) / 2)))


def mutual_information(fused: Plane, visible: Plane, infrared: Plane) -> float:
    """Return MI, I(visible; fused) + I(infrared; fused) over 256 grey levels, in bits (Qu et al., 2002)."""
    return _information(visible, fused) + _information(infrared, fused)


def sum_of_correlations_of_differences(fused: Plane, visible: Plane, infrared: Plane) -> float:
    """Return SCD, r(fused - infrared, visible) + r(fused - visible, infrared), in -2..2.

    Aslantas and Bendes, 2015. A correlation with a constant plane counts as zero.
    """
    return _correlation(fused - infrared, visible) + _correlation(fused - visible, infrared)


def visual_information_fidelity(fused: AnySource, visible: AnySource, infrared: AnySource) -> float:
    """Return VIF, the sum of the pixel-domain VIF of the fused image against each source.

    Sheikh and Bovik, 2006, in their multi-scale pixel form vifp: four scales, Gaussian windows of 17, 9, 5
    and 3 pixels with a sigma of a fifth of that, noise variance 2.
    """
    fused = prepare(fused)
    return _vif(prepare(visible), fused) + _vif(prepare(infrared), fused)


def edge_preservation(fused: AnySource, visible: AnySource, infrared: AnySource) -> float:
    """Return Qabf, the share of both sources' edges that is kept, in 0..1 (Xydeas and Petrovic, 2000).

    Sobel edges. Sigmoids with the paper's constants score strength and angle, so that a perfect copy gets
    0.975. The scores are weighted by the edge strength of the sources.
    """
    strength_f, angle_f = prepare(fused).edges
    total, weight = 0.0, 0.0
    for source in (visible, infrared):
        strength, angle = prepare(source).edges
        larger, smaller = np.maximum(strength, strength_f), np.minimum(strength, strength_f)
        kept_strength = np.divide(smaller, larger, out=np.zeros_like(larger), where=larger > 0)
        kept_angle = np.abs(np.abs(angle - angle_f) - np.pi / 2) / (np.pi / 2)
        of_strength = 0.9994 / (1 + np.exp(-15 * (kept_strength - 0.5)))
        of_angle = 0.9879 / (1 + np.exp(-22 * (kept_angle - 0.8)))
        quality = of_strength * of_angle
        total += float((quality * strength).sum())
        weight += float(strength.sum())
    return total / weight if weight else 0.0


def structural_similarity(fused: AnySource, visible: AnySource, infrared: AnySource) -> float:
    """Return SSIM, the mean of SSIM(fused, visible) and SSIM(fused, infrared), in -1..1.

    Wang et al., 2004, with a Gaussian window of 11 pixels and sigma 1.5, L = 255 and without borders.
    """
    fused = prepare(fused)
    return (_ssim(fused, prepare(visible)) + _ssim(fused, prepare(infrared))) / 2


METRICS: dict[str, Callable[[Prepared, Prepared, Prepared], float]] = {
    "EN": lambda fused, visible, infrared: entropy(fused.plane),
    "SD": lambda fused, visible, infrared: standard_deviation(fused.plane),
    "SF": lambda fused, visible, infrared: spatial_frequency(fused.plane),
    "AG": lambda fused, visible, infrared: average_gradient(fused.plane),
    "MI": lambda fused, visible, infrared: mutual_information(fused.plane, visible.plane, infrared.plane),
    "SCD": lambda fused, visible, infrared: sum_of_correlations_of_differences(
        fused.plane, visible.plane, infrared.plane
    ),
    "VIF": visual_information_fidelity,
    "Qabf": edge_preservation,
    "SSIM": structural_similarity,
}


def fusion_metrics(fused: AnySource, visible: AnySource, infrared: AnySource) -> dict[str, float]:
    """Return every metric by its name.

    Raises ValueError unless all three are planes of one size, of at least 25 px in height and width.
    """
    planes = [prepare(plane) for plane in (fused, visible, infrared)]
    shapes = [one.plane.shape for one in planes]
    if len(set(shapes)) != 1 or len(shapes[0]) != 2:
        raise ValueError(
            f"fused {shapes[0]}, visible {shapes[1]} and infrared {shapes[2]} "
            "must be planes (H, W) of one size; take luma() of colour images first"
        )
    if min(shapes[0]) < _LEAST:
        raise ValueError(
            f"planes of {shapes[0]} are too small for VIF; take frames of at least {_LEAST} px each way"
        )
    return {name: metric(*planes) for name, metric in METRICS.items()}


def _levels(plane: Plane) -> npt.NDArray[np.int64]:
    return np.clip(np.rint(plane), 0, 255).astype(np.int64).ravel()


def _entropy_of(counts: npt.NDArray[np.int64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _information(a: Plane, b: Plane) -> float:
    joint = np.bincount(_levels(a) * 256 + _levels(b), minlength=256 * 256).reshape(256, 256)
    return _entropy_of(joint.sum(0)) + _entropy_of(joint.sum(1)) - _entropy_of(joint.ravel())


def _correlation(a: Plane, b: Plane) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def _smooth(plane: Plane, size: int, sigma: float) -> Plane:
    """Convolve with a Gaussian and cut off what depends on the border."""
    kernel = cv2.getGaussianKernel(size, sigma, cv2.CV_64F)
    edge = size // 2
    filtered = cv2.sepFilter2D(plane, cv2.CV_64F, kernel, kernel)
    return np.asarray(filtered, np.float64)[edge:-edge, edge:-edge]


def _mean_and_variance(plane: Plane, size: int, sigma: float) -> tuple[Plane, Plane]:
    mean = _smooth(plane, size, sigma)
    return mean, _smooth(plane * plane, size, sigma) - mean**2


def _vif(reference: Prepared, distorted: Prepared) -> float:
    noise, tiny = 2.0, 1e-10
    seen, there = 0.0, 0.0
    for size, of_reference, of_distorted in zip(_VIF_WINDOWS, reference.scales, distorted.scales):
        (r, mean_r, var_r), (d, mean_d, var_d) = of_reference, of_distorted
        covariance = _smooth(r * d, size, size / 5) - mean_r * mean_d
        var_r, var_d = np.maximum(var_r, 0), np.maximum(var_d, 0)
        gain = covariance / (var_r + tiny)
        rest = var_d - gain * covariance
        flat = var_r < tiny
        gain[flat], rest[flat] = 0, var_d[flat]
        var_r[flat] = 0
        gain[var_d < tiny], rest[var_d < tiny] = 0, 0
        rest = np.where(gain < 0, var_d, rest)
        gain = np.maximum(gain, 0)
        rest = np.maximum(rest, tiny)
        seen += float(np.log2(1 + gain**2 * var_r / (rest + noise)).sum())
        there += float(np.log2(1 + var_r / noise).sum())
    return seen / there if there > 0 else 1.0


def _edges(plane: Plane) -> tuple[Plane, Plane]:
    """Return strength and angle, in -pi/2..pi/2, of Sobel edges."""
    dx = np.asarray(cv2.Sobel(plane, cv2.CV_64F, 1, 0, ksize=3), np.float64)
    dy = np.asarray(cv2.Sobel(plane, cv2.CV_64F, 0, 1, ksize=3), np.float64)
    angle = np.full_like(dx, np.pi / 2)
    np.divide(dy, dx, out=angle, where=dx != 0)
    angle[dx != 0] = np.arctan(angle[dx != 0])
    return np.hypot(dx, dy), angle


def _ssim(a: Prepared, b: Prepared) -> float:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    (mean_a, var_a), (mean_b, var_b) = a.window, b.window
    covariance = _smooth(a.plane * b.plane, _SSIM_WINDOW, _SSIM_SIGMA) - mean_a * mean_b
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return float(similarity.mean())

"""Augment samples while both cameras and the labels stay aligned."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from training.data.allowed import Allowed, ClassSets, certain_things
from training.data.pairs import Sample

Plane = npt.NDArray[np.float32]


def augment(
    sample: Sample, crop: tuple[int, int], sets: ClassSets, rng: np.random.Generator
) -> tuple[Plane, Plane, Allowed]:
    """Return a random view: rgb (3, h, w) and ir (1, h, w) float32 in 0..1, allowed (h, w) uint16."""
    rgb, ir, allowed = _scale_and_crop(sample, crop, sets, rng)
    if rng.random() < 0.5:
        rgb, ir, allowed = rgb[:, ::-1], ir[:, ::-1], allowed[:, ::-1]
    if rng.random() < 0.25:
        ir = _misalign(ir, rng)
    visible = _vary(rgb, rng, _VISIBLE_CHANGES)
    thermal = _vary(ir, rng, _INFRARED_CHANGES)
    if rng.random() < 0.06:
        lost = visible if rng.random() < 0.5 else thermal
        lost[...] = lost.mean() * np.float32(rng.uniform(0, 1))
    return (
        np.ascontiguousarray(visible.transpose(2, 0, 1)),
        np.ascontiguousarray(thermal[None]),
        np.ascontiguousarray(allowed),
    )


def _scale_and_crop(
    sample: Sample, crop: tuple[int, int], sets: ClassSets, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Allowed]:
    height, width = sample.ir.shape
    smallest = max(crop[0] / height, crop[1] / width)
    scale = max(smallest, float(np.exp(rng.uniform(np.log(0.6), np.log(2.2)))))
    # Crop before scaling: the rest of the frame would be thrown away.
    cut_h, cut_w = min(height, round(crop[0] / scale)), min(width, round(crop[1] / scale))
    centre = _rare_centre(sample, sets, rng) if rng.random() < 0.5 else None
    if centre is None:
        top = int(rng.integers(0, height - cut_h + 1))
        left = int(rng.integers(0, width - cut_w + 1))
    else:
        top = int(np.clip(centre[0] - rng.integers(0, cut_h), 0, height - cut_h))
        left = int(np.clip(centre[1] - rng.integers(0, cut_w), 0, width - cut_w))
    window = np.s_[top : top + cut_h, left : left + cut_w]
    size = (crop[1], crop[0])
    # INTER_NEAREST would shift the labels by half a pixel against the frames.
    labels = cv2.resize(sample.allowed[window], size, interpolation=cv2.INTER_NEAREST_EXACT)
    return (
        np.asarray(cv2.resize(sample.rgb[window], size, interpolation=cv2.INTER_LINEAR), np.uint8),
        np.asarray(cv2.resize(sample.ir[window], size, interpolation=cv2.INTER_LINEAR), np.uint8),
        np.asarray(labels, np.uint16),
    )


def _misalign(ir: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Shift the infrared frame by up to three pixels, as a knock shifts a camera."""
    shift = np.array([[1, 0, rng.uniform(-3, 3)], [0, 1, rng.uniform(-3, 3)]])
    moved = cv2.warpAffine(ir, shift, (ir.shape[1], ir.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _rare_centre(sample: Sample, sets: ClassSets, rng: np.random.Generator) -> tuple[int, int] | None:
    """Pick a pixel of a known class other than background, every class equally often."""
    coarse = sample.allowed[::4, ::4]
    certain = certain_things(coarse, sets)
    if not certain:
        return None
    rows, columns = np.nonzero(coarse == rng.choice(certain))
    pick = rng.integers(rows.size)
    return int(rows[pick]) * 4, int(columns[pick]) * 4


def _vary(
    pixels: npt.NDArray[np.uint8], rng: np.random.Generator, changes: tuple[tuple[float, _Change], ...]
) -> Plane:
    image = np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)
    for probability, change in changes:
        if rng.random() < probability:
            image = change(image, rng)
    return np.clip(image, 0, 1, dtype=np.float32)


_Change = Callable[[Plane, np.random.Generator], Plane]


def _gain(image: Plane, rng: np.random.Generator) -> Plane:
    return image * np.float32(rng.uniform(0.6, 1.5)) + np.float32(rng.uniform(-0.08, 0.08))


def _gamma(image: Plane, rng: np.random.Generator) -> Plane:
    return np.power(np.clip(image, 0, 1), np.float32(np.exp(rng.uniform(-0.5, 0.5))))


def _tint(image: Plane, rng: np.random.Generator) -> Plane:
    return image * rng.uniform(0.8, 1.2, 3).astype(np.float32)


def _darken(image: Plane, rng: np.random.Generator) -> Plane:
    """Dim the frame and round it to the few grey levels that a camera has in little light."""
    light = np.float32(np.exp(rng.uniform(np.log(0.05), np.log(0.5))))
    return np.asarray(np.round(image * (255 * light)) / np.float32(255), np.float32)


def _noise(image: Plane, rng: np.random.Generator) -> Plane:
    sigma = np.float32(rng.uniform(0.005, 0.04))
    return image + sigma * rng.standard_normal(image.shape, np.float32)


def _blur(image: Plane, rng: np.random.Generator) -> Plane:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.5)), np.float32)


def _glare(image: Plane, rng: np.random.Generator) -> Plane:
    height, width = image.shape[:2]
    radius = rng.uniform(0.05, 0.3) * height
    rows = np.arange(height, dtype=np.float32)[:, None] - rng.uniform(0, height)
    columns = np.arange(width, dtype=np.float32)[None] - rng.uniform(0, width)
    halo = np.exp(-(rows**2 + columns**2) / (2 * radius**2), dtype=np.float32)
    light = np.float32(rng.uniform(0.3, 1.2)) * halo.astype(np.float32)
    return image + (light[..., None] if image.ndim == 3 else light)


def _invert(image: Plane, rng: np.random.Generator) -> Plane:
    """Show cold things white, as some thermal cameras do."""
    return 1 - image


def _cut_out(image: Plane, rng: np.random.Generator) -> Plane:
    height, width = image.shape[:2]
    h, w = (int(size * rng.uniform(0.2, 0.6)) for size in (height, width))
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    image = image.copy()
    image[top : top + h, left : left + w] = image.mean()
    return image


_VISIBLE_CHANGES: tuple[tuple[float, _Change], ...] = (
    (0.5, _gain),
    (0.3, _gamma),
    (0.3, _tint),
    (0.3, _darken),
    (0.1, _glare),
    (0.15, _blur),
    (0.2, _noise),
    (0.05, _cut_out),
)
_INFRARED_CHANGES: tuple[tuple[float, _Change], ...] = (
    (0.5, _gain),
    (0.3, _gamma),
    (0.15, _blur),
    (0.2, _noise),
    (0.03, _invert),
    (0.05, _cut_out),
)

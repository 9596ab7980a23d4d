"""Simulate two imperfect cameras."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.image import Image


class Noise:
    """Add sensor noise: each frame takes another part of one block of noise."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...], sigma: float):
        margin = 64
        size = (shape[0] + margin, shape[1] + margin, *shape[2:])
        # Around 128, so that unsigned bytes hold both signs.
        self._block = np.clip(128 + sigma * rng.standard_normal(size, np.float32), 0, 255).astype(np.uint8)
        self._margin = margin

    def add(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the image with noise, saturating."""
        top, left = rng.integers(0, self._margin, 2)
        height, width = image.shape[:2]
        part = self._block[top : top + height, left : left + width]
        return np.asarray(cv2.addWeighted(image, 1, part, 1, -128), np.uint8)


def misalignment(rng: np.random.Generator, size: tuple[int, int], pixels: float) -> npt.NDArray[np.float64]:
    """Return an affine map (2, 3) that moves the corners of a (height, width) frame by about `pixels`."""
    height, width = size
    angle = rng.normal(0, pixels / width)
    zoom = 1 + rng.normal(0, pixels / width)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(np.degrees(angle)), zoom)
    affine = np.array(turn, np.float64)
    affine[:, 2] += rng.uniform(-pixels, pixels, 2)
    return affine


class ThermalCamera:
    """Record heat (H, W) as a soft grey image with fixed column noise and temporal noise."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], misaligned: float):
        self._noise = Noise(rng, size, 2.0)
        columns = np.clip(128 + 1.5 * rng.standard_normal((1, size[1])), 0, 255)
        self._columns = np.repeat(columns.astype(np.uint8), size[0], 0)
        self._affine = misalignment(rng, size, misaligned) if misaligned else None

    def record(self, heat: Image, rng: np.random.Generator) -> Image:
        """Return the infrared frame."""
        if self._affine is not None:
            size = heat.shape[::-1]
            heat = np.asarray(
                cv2.warpAffine(heat, self._affine, size, borderMode=cv2.BORDER_REPLICATE), np.uint8
            )
        soft = cv2.GaussianBlur(heat, (5, 5), 1.0)
        return self._noise.add(np.asarray(cv2.addWeighted(soft, 1, self._columns, 1, -128), np.uint8), rng)


class VisibleCamera:
    """Record light (H, W, 3) as a slightly soft colour image with noise."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], noise: float):
        self._noise = Noise(rng, (*size, 3), noise)

    def record(self, light: Image, rng: np.random.Generator) -> Image:
        """Return the visible frame."""
        return self._noise.add(np.asarray(cv2.GaussianBlur(light, (3, 3), 0.6), np.uint8), rng)

"""Draw smoke in the street: opaque in visible light, nearly transparent in long-wave infrared."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.synthetic.camera import Camera
from mtvif_ros.synthetic.canvas import SHINES, Canvas
from mtvif_ros.synthetic.light import TimeOfDay
from mtvif_ros.synthetic.street import blotches

CURTAINS = (40.0, 20.0, 11.0, 6.0)  # their distances in m
_GREY = np.array((172, 172, 176), np.float32)
_WARMTH = 58.0  # heat of the smoke itself
_HEAT_SHARE = 0.12  # opacity in infrared, relative to that in visible light
_DRIFT = 1.4  # m/s across the street


class Smoke:
    """Hang curtains of smoke at several distances; `density`, 0..1, is the light that they absorb."""

    def __init__(self, rng: np.random.Generator, camera: Camera, time: TimeOfDay, density: float):
        self._camera, self._density = camera, density
        self._dark = _GREY * np.array(time.ambient, np.float32)
        height, width = camera.height, camera.width
        shape = (height, width)
        clouds = blotches(rng, shape, width // 4) + 0.6 * blotches(rng, shape, width // 12)
        clouds += 0.3 * blotches(rng, shape, width // 40)
        clouds = np.clip(0.55 + 0.45 * clouds, 0, 1).astype(np.float32)
        self._clouds = np.hstack((clouds, clouds[:, ::-1]))  # wraps around without a seam

    def draw(self, canvas: Canvas, z: float, seconds: float) -> None:
        """Veil what is farther than `z` metres and leave its labels as they are."""
        opacity = (self._density * self._seen_at(z, seconds))[..., None]
        shining = (canvas.tag & SHINES)[..., None] > 0
        colour = np.where(shining, self._dark, _GREY)
        paint = canvas.paint.astype(np.float32)
        paint[..., :3] += opacity * (colour - paint[..., :3])
        paint[..., 3:] += _HEAT_SHARE * opacity * (_WARMTH - paint[..., 3:])
        canvas.paint[...] = np.clip(paint, 0, 255).astype(np.uint8)

    def _seen_at(self, z: float, seconds: float) -> npt.NDArray[np.float32]:
        """Return the opacity (H, W) of the drifted clouds, above the ground nearer than `z`."""
        height, width = self._camera.height, self._camera.width
        drift = int(self._camera.focal * _DRIFT * seconds / z + 37 * z) % (2 * width)
        clouds = np.roll(self._clouds, drift, 1)[:, :width]
        foot = self._camera.centre[1] + self._camera.focal * self._camera.eye / z
        rows = np.arange(height, dtype=np.float32)[:, None]
        above_ground = 1 / (1 + np.exp((rows - foot) / (0.02 * height)))
        # Smoke thins out above the roofs.
        below_sky = np.clip(0.35 + rows / self._camera.centre[1], 0, 1)
        seen = clouds * above_ground * below_sky
        return np.asarray(cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 1.5), np.float32)

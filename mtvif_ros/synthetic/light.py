"""Light the scene by day, at dusk and at night."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.image import Image
from mtvif_ros.synthetic.camera import Camera
from mtvif_ros.synthetic.street import blotches


@dataclass(frozen=True)
class TimeOfDay:
    """Hold the light at one time of day and the noise of the visible sensor.

    `ambient` is an R G B factor in 0..1; `zenith` and `horizon` are the sky's colours in 0..255.
    `visible_noise` is a standard deviation in grey levels.
    """

    ambient: tuple[float, float, float]
    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    head_lamps: bool
    visible_noise: float


TIMES = {
    "day": TimeOfDay((1.0, 0.99, 0.96), (96, 142, 210), (206, 220, 232), False, 2.0),
    "dusk": TimeOfDay((0.46, 0.38, 0.36), (52, 56, 96), (226, 138, 84), True, 4.0),
    "night": TimeOfDay((0.085, 0.085, 0.10), (6, 7, 14), (22, 20, 26), True, 6.0),
}


def sky(camera: Camera, time: TimeOfDay, rng: np.random.Generator) -> Image:
    """Paint the background (H, W, 4): a cold sky with clouds above a line of far trees."""
    height, width = camera.height, camera.width
    horizon = camera.centre[1]
    share = np.clip(np.arange(height, dtype=np.float32) / horizon, 0, 1)[:, None, None] ** 1.6
    colours = (1 - share) * np.array(time.zenith) + share * np.array(time.horizon)
    image = np.empty((height, width, 4), np.float32)
    image[..., :3] = colours
    image[..., 3] = 12 + 26 * share[..., 0]
    clouds = np.clip(blotches(rng, (height, width), width // 9), 0, 2)
    clouds += 0.5 * np.clip(blotches(rng, (height, width), width // 26), 0, 2)
    bright = np.array((*np.multiply(time.horizon, 1.1), 40))
    image += (0.3 * np.clip(clouds, 0, 1) * (1 - share[..., 0]))[..., None] * (bright - image)
    far = horizon - height * (0.035 + 0.02 * np.abs(blotches(rng, (1, width), width // 24)[0]))
    below = np.arange(height)[:, None] >= far[None]
    image[below] = (*np.multiply((62, 76, 60), time.ambient), 70)
    return np.clip(image, 0, 255).astype(np.uint8)


def light_map(camera: Camera, time: TimeOfDay) -> Image:
    """Return the light (H, W, 3), 255 for full: ambient light and the cone of our own headlamps."""
    height, width = camera.height, camera.width
    light = np.ones((height, width, 3), np.float32) * np.array(time.ambient, np.float32)
    if time.head_lamps:
        rows = np.arange(height, dtype=np.float32)[:, None] / height
        columns = np.arange(width, dtype=np.float32)[None] / width - 0.5
        down = rows - camera.centre[1] / height
        cone = np.exp(-((down - 0.16) ** 2) / 0.018 - columns**2 / 0.055)
        cut_off = 1 / (1 + np.exp(-(down - 0.005) / 0.012))
        lamps = 0.62 * cone * cut_off + 0.05 * np.exp(-(columns**2) / 0.1) * (down > -0.15)
        light += lamps[..., None] * np.array([1.0, 0.96, 0.84], np.float32)
    return np.clip(light * 255, 0, 255).astype(np.uint8)


def glow_sprite(size: int = 96) -> npt.NDArray[np.float32]:
    """Return a spot (size, size) with a bright core, a halo and a faint streak, in 0..1."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = axis[None], axis[:, None]
    squared = x**2 + y**2
    edge = np.clip(1 - squared, 0, 1)
    spot = np.exp(-squared / 0.008) + 0.35 * np.exp(-squared / 0.08)
    streak = 0.18 * np.exp(-(y**2) / 0.0006 - np.abs(x) / 0.4)
    return np.clip((spot + streak) * edge, 0, 1).astype(np.float32)


def add_glow(
    rgb: Image,
    sprite: npt.NDArray[np.float32],
    centre: tuple[float, float],
    radius: float,
    colour: tuple[float, float, float],
) -> None:
    """Add a glow of `radius` pixels to the image in place, saturating."""
    height, width = rgb.shape[:2]
    x0, y0 = (max(0, int(c - radius)) for c in centre)
    x1, y1 = min(width, int(centre[0] + radius)), min(height, int(centre[1] + radius))
    if x1 <= x0 or y1 <= y0:
        return
    scale = 2 * radius / sprite.shape[0]
    affine = np.array([[scale, 0, centre[0] - radius - x0], [0, scale, centre[1] - radius - y0]], np.float64)
    spot = cv2.warpAffine(sprite, affine, (x1 - x0, y1 - y0))
    light = (spot[..., None] * np.array(colour, np.float32)).astype(np.uint8)
    area = rgb[y0:y1, x0:x1]
    cv2.add(area, light, dst=area)

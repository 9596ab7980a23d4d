"""Draw simple solids in perspective."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mtvif_ros.synthetic.camera import Camera, Points
from mtvif_ros.synthetic.canvas import Canvas, Ink


class Glow(NamedTuple):
    """Hold the centre and radius in pixels and the R G B colour of a dazzling light."""

    centre: tuple[float, float]
    radius: float
    colour: tuple[float, float, float]


@dataclass
class Brush:
    """Hold what every actor draws with; `glows` collects lamps to add after lighting."""

    canvas: Canvas
    camera: Camera
    lamps_on: bool
    glows: list[Glow] = field(default_factory=list)

    def pixels(self, points: Points) -> Points:
        """Project world points (N, 3) to pixels (N, 2)."""
        return self.camera.project(points)

    def shadow(self, x: float, z: float, half_width: float, half_length: float) -> None:
        """Darken the road below an actor, without a label."""
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ring = np.stack(
            (x + half_width * np.cos(angles), np.full(12, 0.01), z + half_length * np.sin(angles)),
            1,
        )
        self.canvas.polygon(self.pixels(ring), Ink(34, 34, 36, 112), None)


BOX = np.array(
    [[x, y, z] for z in (0, 1) for y in (0, 1) for x in (-1, 1)], np.float64
)  # corner = x + 2 y + 4 z, in units of half width, height and length
_FACES = ((0, 1, 3, 2), (5, 4, 6, 7), (4, 0, 2, 6), (1, 5, 7, 3), (2, 3, 7, 6))
_FACE_LIGHT = (0.86, 0.86, 0.72, 0.95, 1.12)


def _is_visible(quad: Points) -> bool:
    (x0, y0), (x1, y1), (x2, y2) = quad[:3]
    return float((x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)) < 0


def draw_box(
    brush: Brush,
    origin: tuple[float, float, float],
    size: tuple[float, float, float],
    ink: Ink,
    tag: int,
    taper: float = 1.0,
) -> None:
    """Draw a box from its near bottom centre; `size` is half width, height, length.

    `taper` scales the top face, for cabins and blocks.
    """
    corners = BOX * np.array(size)
    top = corners[:, 1] > 0
    corners[top, 0] *= taper
    middle = size[2] / 2
    corners[top, 2] = middle + (corners[top, 2] - middle) * taper
    pixels = brush.pixels(corners + np.array(origin))
    for face, light in zip(_FACES, _FACE_LIGHT):
        quad = pixels[list(face)]
        if _is_visible(quad):
            brush.canvas.polygon(quad, ink.shaded(light), tag)

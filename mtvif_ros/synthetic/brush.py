"""Draw solids in perspective."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mtvif_ros.synthetic.camera import Camera, Points
from mtvif_ros.synthetic.canvas import Canvas, fixed_points
from mtvif_ros.synthetic.solid import Solid


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

    def solid(self, solid: Solid, x: float, z: float) -> None:
        """Draw a solid that stands at (x, z)."""
        pixels = self.pixels(solid.points + np.array((x, 0.0, z)))
        corners = fixed_points(pixels)
        for rows, ink, tag in solid.seen(pixels):
            self.canvas.fill(corners[rows], ink, tag)

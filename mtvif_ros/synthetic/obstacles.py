"""Draw cones, car stops and guardrails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.synthetic.brush import Brush, draw_box
from mtvif_ros.synthetic.canvas import Ink

CAR_STOP, GUARDRAIL, CONE = (CLASS_NAMES.index(name) for name in ("car_stop", "guardrail", "color_cone"))


@dataclass(frozen=True)
class Cone:
    """Draw an orange traffic cone with a white band."""

    height: float = 0.75

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it standing at (x, z)."""
        del time
        h = self.height
        orange, white = Ink(240, 98, 26, 106), Ink(236, 236, 230, 98)
        draw_box(brush, (x, 0.0, z), (0.22, 0.05, 0.4), orange.shaded(0.8), CONE)

        def band(y0: float, y1: float, ink: Ink) -> None:
            w0, w1 = (0.18 * (1 - 0.85 * y / h) for y in (y0, y1))
            quad = np.array([[-w0, y0, 0.2], [w0, y0, 0.2], [w1, y1, 0.2], [-w1, y1, 0.2]])
            brush.canvas.polygon(brush.pixels(quad + np.array([x, 0, z])), ink, CONE)

        band(0.05, h, orange)
        band(0.45 * h, 0.68 * h, white)


@dataclass(frozen=True)
class CarStop:
    """Draw the low concrete block that ends a parking space."""

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it lying at (x, z)."""
        del time
        brush.shadow(x, z + 0.1, 0.34, 0.16)
        draw_box(brush, (x, 0, z), (0.3, 0.16, 0.2), Ink(196, 192, 180, 84), CAR_STOP, 0.9)
        draw_box(brush, (x, 0.05, z - 0.01), (0.08, 0.06, 0.02), Ink(220, 170, 30, 88), CAR_STOP)


@dataclass(frozen=True)
class Guardrail:
    """Draw one four-metre length of steel guardrail along the road."""

    length: float = 4.0

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it from z to z + length."""
        del time
        steel = Ink(186, 190, 194, 64)

        def strip(y0: float, y1: float, ink: Ink) -> None:
            end = z + self.length
            quad = np.array([[x, y0, z], [x, y0, end], [x, y1, end], [x, y1, z]])
            brush.canvas.polygon(brush.pixels(quad), ink, GUARDRAIL)

        scale = brush.camera.focal / max(z, 0.6)
        foot, top = map(tuple, brush.pixels(np.array([[x, 0, z], [x, 0.75, z]])).tolist())
        brush.canvas.line(foot, top, 0.11 * scale, steel.shaded(0.7), GUARDRAIL)
        strip(0.42, 0.78, steel)
        strip(0.57, 0.63, steel.shaded(0.62))

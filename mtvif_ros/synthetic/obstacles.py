"""Draw cones, car stops and guardrails."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.synthetic.brush import Brush
from mtvif_ros.synthetic.canvas import Ink
from mtvif_ros.synthetic.solid import Part, Solid, box, quad, shadow

CAR_STOP, GUARDRAIL, CONE = (STREET_NAMES.index(name) for name in ("car_stop", "guardrail", "color_cone"))
_STEEL = Ink(186, 190, 194, 64)
_BLOCK = Solid(
    [
        shadow(0.34, 0.16, 0.1),
        *box((0, 0, 0), (0.3, 0.16, 0.2), Ink(196, 192, 180, 84), CAR_STOP, 0.9),
        *box((0, 0.05, -0.01), (0.08, 0.06, 0.02), Ink(220, 170, 30, 88), CAR_STOP),
    ]
)


@dataclass(frozen=True)
class Cone:
    """Draw an orange traffic cone with a white band."""

    height: float = 0.75

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it standing at (x, z)."""
        del time
        brush.solid(_cone(self.height), x, z)


@dataclass(frozen=True)
class CarStop:
    """Draw the low concrete block that ends a parking space."""

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it lying at (x, z)."""
        del time
        brush.solid(_BLOCK, x, z)


@dataclass(frozen=True)
class Guardrail:
    """Draw one four-metre length of steel guardrail along the road."""

    length: float = 4.0

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it from z to z + length."""
        del time
        scale = brush.camera.focal / max(z, 0.6)
        foot, top = map(tuple, brush.pixels(np.array([[x, 0, z], [x, 0.75, z]])).tolist())
        brush.canvas.line(foot, top, 0.11 * scale, _STEEL.shaded(0.7), GUARDRAIL)
        brush.solid(_rails(self.length), x, z)


@lru_cache
def _cone(height: float) -> Solid:
    orange, white = Ink(240, 98, 26, 106), Ink(236, 236, 230, 98)

    def band(y0: float, y1: float, ink: Ink) -> Part:
        w0, w1 = (0.18 * (1 - 0.85 * y / height) for y in (y0, y1))
        return quad([(-w0, y0, 0.2), (w0, y0, 0.2), (w1, y1, 0.2), (-w1, y1, 0.2)], ink, CONE)

    foot = box((0, 0, 0), (0.22, 0.05, 0.4), orange.shaded(0.8), CONE)
    return Solid([*foot, band(0.05, height, orange), band(0.45 * height, 0.68 * height, white)])


@lru_cache
def _rails(length: float) -> Solid:
    def strip(y0: float, y1: float, ink: Ink) -> Part:
        return quad([(0, y0, 0), (0, y0, length), (0, y1, length), (0, y1, 0)], ink, GUARDRAIL)

    return Solid([strip(0.42, 0.78, _STEEL), strip(0.57, 0.63, _STEEL.shaded(0.62))])

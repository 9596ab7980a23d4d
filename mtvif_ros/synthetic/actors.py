"""Draw cars, persons and bikes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.synthetic.brush import Brush, Glow
from mtvif_ros.synthetic.canvas import SHINES, Ink, Pixel, fixed_points
from mtvif_ros.synthetic.solid import Part, Solid, box, quad, shadow

CAR, PERSON, BIKE = (STREET_NAMES.index(name) for name in ("car", "person", "bike"))
_TURN = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_RIM = 0.36 * np.stack((np.cos(_TURN), np.sin(_TURN), np.zeros_like(_TURN)), 1)
_REAR, _FRONT = (-0.52, 0.34, 0), (0.52, 0.34, 0)  # hubs of a bike
_FRAME = ((-0.12, 0.3, 0), (-0.22, 0.82, 0), (0.36, 0.8, 0), (0.3, 1.02, 0), (-0.24, 0.9, 0))
_BIKE = np.concatenate(((_REAR, _FRONT, *_FRAME), _RIM + _REAR, _RIM + _FRONT))
_PERSONS_SHADOW, _BIKES_SHADOW = Solid([shadow(0.28, 0.25)]), Solid([shadow(0.8, 0.18)])


@dataclass(frozen=True)
class Car:
    """Draw a car; `heading` is +1 if it shows its rear and -1 if it comes towards us."""

    paint: tuple[float, float, float]
    engine_heat: float
    heading: int
    drives: bool
    size: tuple[float, float, float] = (0.87, 1.45, 4.2)

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it with its near end at (x, z)."""
        del time
        lit = brush.lamps_on and self.drives
        brush.solid(_car(self, lit, wheels=-1 if x > 0 else 1), x, z)
        if lit:
            half, height, _ = self.size
            ends = np.array([[x + s * (half - 0.16), 0.52 * height - 0.07, z] for s in (-1, 1)])
            reach = min(160.0, (900.0 if self.heading < 0 else 160.0) / max(z, 1.0) + 4)
            colour = (255, 244, 214) if self.heading < 0 else (150, 16, 10)
            for u, v in brush.pixels(ends):
                brush.glows.append(Glow((u, v), reach, colour))


@lru_cache(maxsize=256)  # of the many cars that a training meets, those of the last few drives
def _car(car: Car, lit: bool, wheels: int) -> Solid:
    """Return a car's solid; `wheels` says whether its left (-1) or right (+1) wheels are seen."""
    half, height, length = car.size
    body = Ink(*car.paint, 96)
    glass = Ink(46, 56, 66, 62)
    # Cabin and body overlap in the image, so draw the farther part first.
    back = 0.2 if car.heading > 0 else 1.1
    waist = 0.56 * height
    cabin = (half * 0.95, height - waist, length - 1.5)
    near, far = back + (length - 1.5) * 0.1, back + (length - 1.5) * 0.9
    width = half * 0.77
    roof = [(-width, height, near), (width, height, near), (width, height, far), (-width, height, far)]
    return Solid(
        [
            shadow(half * 1.12, length * 0.53, length / 2),
            *box((0, 0.2, 0), (half, waist - 0.2, length), body, CAR),
            *box((0, waist, back), cabin, glass, CAR, 0.8),
            quad(roof, body.shaded(1.1), CAR),
            *_wheels(half, length, wheels),
            *_near_end(car, lit),
        ]
    )


def _wheels(half: float, length: float, side: int) -> Iterator[Part]:
    angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    for centre in (0.8, length - 0.8):
        ring = (
            np.full(10, side * (half + 0.01)),
            0.32 + 0.32 * np.cos(angles),
            centre + 0.32 * np.sin(angles),
        )
        yield Part(np.stack(ring, 1), Ink(26, 26, 28, 150), CAR)
    for x in (-half + 0.12, half - 0.12):  # the near pair, seen from the end
        yield _panel(x - 0.1, x + 0.1, 0, 0.3, Ink(24, 24, 26, 142))


def _near_end(car: Car, lit: bool) -> Iterator[Part]:
    half, height, _ = car.size
    yield _panel(-half, half, 0.22, 0.38, Ink(40, 40, 42, 104))
    yield _panel(-0.26, 0.26, 0.42, 0.54, Ink(214, 214, 204, 88))
    lamp_y = (0.52 * height - 0.14, 0.52 * height)
    tag = CAR | SHINES if lit else CAR
    if car.heading > 0:
        red = Ink(255, 44, 30, 104) if lit else Ink(150, 22, 20, 98)
        for x0, x1 in ((-half, -half + 0.3), (half - 0.3, half)):
            yield _panel(x0, x1, *lamp_y, red, tag)
        exhaust_heat = 225 if car.drives else car.engine_heat
        yield _panel(0.3, 0.46, 0.2, 0.28, Ink(60, 60, 60, exhaust_heat))
    else:
        yield _panel(-0.6, 0.6, 0.4, 0.66, Ink(38, 38, 40, car.engine_heat))
        lamp = Ink(255, 250, 232, 140) if lit else Ink(206, 210, 212, 100)
        for x0, x1 in ((-half, -half + 0.34), (half - 0.34, half)):
            yield _panel(x0, x1, *lamp_y, lamp, tag)


def _panel(x0: float, x1: float, y0: float, y1: float, ink: Ink, tag: int = CAR) -> Part:
    return quad([(x0, y0, 0), (x1, y0, 0), (x1, y1, 0), (x0, y1, 0)], ink, tag)


@dataclass(frozen=True)
class Person:
    """Draw a person on foot, 1.5 to 1.9 metres tall."""

    height: float
    coat: tuple[float, float, float]
    trousers: tuple[float, float, float]
    warmth: float
    pace: float

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw the person with the feet at (x, z); the legs swing with time."""
        if not brush.camera.sees(x, z + 0.3, half_width=1.0):
            return
        brush.solid(_PERSONS_SHADOW, x, z)
        swing = 0.24 * np.sin(time * self.pace)
        self.draw_body(brush, x, z, 0.0, swing)

    def draw_body(self, brush: Brush, x: float, z: float, lift: float, swing: float) -> None:
        """Draw the body with the feet `lift` metres above the road."""
        s = self.height / 1.75
        scale = brush.camera.focal / max(z, 0.6) * s  # pixels per metre
        skin = Ink(214, 170, 142, self.warmth)
        coat = Ink(*self.coat, self.warmth - 46)
        sleeve = coat.shaded(0.85)
        trousers = Ink(*self.trousers, self.warmth - 58)
        shoe = Ink(40, 36, 34, self.warmth - 80)

        # The body is flat and faces us, so one projected point places all others.
        ((left, bottom),) = brush.pixels(np.array([[x, lift, z]])).tolist()

        def at(dx: float, y: float) -> Pixel:
            return left + dx * scale, bottom - y * scale

        canvas = brush.canvas
        hip, shoulder = 0.88, 1.44
        for side in (-1, 1):
            knee, foot = (
                at(side * 0.1 + side * swing * 0.4, 0.48),
                at(side * 0.1 + side * swing, 0.05),
            )
            canvas.line(at(side * 0.09, hip), knee, 0.17 * scale, trousers, PERSON)
            canvas.line(knee, foot, 0.13 * scale, trousers, PERSON)
            canvas.line(foot, foot, 0.12 * scale, shoe, PERSON)
        for side in (-1, 1):
            elbow = at(side * 0.27 - side * swing * 0.2, 1.14)
            hand = at(side * 0.25 - side * swing * 0.6, 0.86)
            canvas.line(at(side * 0.22, shoulder - 0.06), elbow, 0.12 * scale, sleeve, PERSON)
            canvas.line(elbow, hand, 0.10 * scale, sleeve, PERSON)
            canvas.line(hand, hand, 0.09 * scale, skin, PERSON)
        outline = ((-0.16, hip - 0.06), (0.16, hip - 0.06), (0.24, shoulder), (-0.24, shoulder))
        torso = np.array([at(dx, y) for dx, y in outline])
        canvas.polygon(torso, coat, PERSON)
        canvas.line(at(-0.17, shoulder), at(0.17, shoulder), 0.13 * scale, coat, PERSON)
        canvas.line(at(0, shoulder), at(0, 1.54), 0.11 * scale, skin, PERSON)
        canvas.ellipse(at(0, 1.63), (0.095 * scale, 0.125 * scale), skin, PERSON)
        hair = at(0, 1.68)
        canvas.ellipse(hair, (0.098 * scale, 0.085 * scale), Ink(44, 34, 28, self.warmth - 30), PERSON)


@dataclass(frozen=True)
class Bike:
    """Draw a bicycle seen from the side, parked or with a rider.

    Its label fills wheels and frame, as the labels of the real data sets do.
    """

    paint: tuple[float, float, float]
    rider: Person | None = None

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it with its middle at (x, z)."""
        if not brush.camera.sees(x, z + 0.3, half_width=1.5):
            return
        brush.solid(_BIKES_SHADOW, x, z)
        scale = brush.camera.focal / max(z, 0.6)
        frame = Ink(*self.paint, 88)
        tyre = Ink(32, 32, 34, 112)
        pixels = brush.pixels(_BIKE + np.array((x, 0.0, z)))
        rear, front, crank, seat, head, bar, saddle = map(tuple, pixels[:7].tolist())
        canvas = brush.canvas
        fixed = fixed_points(pixels)
        for outline in (fixed[7:31], fixed[31:], fixed[[0, 3, 4, 1, 2]]):
            canvas.mark(outline, BIKE)
        for hub in (rear, front):
            canvas.ellipse(hub, (0.33 * scale, 0.33 * scale), tyre, BIKE, 0.06 * scale)
        for start, end in (
            (rear, crank),
            (crank, seat),
            (seat, head),
            (crank, head),
            (head, front),
            (rear, seat),
        ):
            canvas.line(start, end, 0.055 * scale, frame, BIKE)
        canvas.line(head, bar, 0.05 * scale, tyre, BIKE)
        canvas.line(saddle, seat, 0.09 * scale, tyre, BIKE)
        if self.rider is not None:
            self.rider.draw_body(brush, x - 0.1, z - 0.05, 0.2, 0.12 * np.sin(time * 6))

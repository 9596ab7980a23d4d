"""Draw cars, persons and bikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.synthetic.brush import BOX, Brush, Glow, draw_box
from mtvif_ros.synthetic.canvas import SHINES, Ink, Pixel

CAR, PERSON, BIKE = (CLASS_NAMES.index(name) for name in ("car", "person", "bike"))
_TURN = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_RIM = 0.36 * np.stack((np.cos(_TURN), np.sin(_TURN), np.zeros_like(_TURN)), 1)


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
        half, height, length = self.size
        body = Ink(*self.paint, 96)
        glass = Ink(46, 56, 66, 62)
        brush.shadow(x, z + length / 2, half * 1.12, length * 0.53)
        # Cabin and body overlap in the image, so draw the farther part first.
        back = 0.2 if self.heading > 0 else 1.1
        waist = 0.56 * height
        draw_box(brush, (x, 0.2, z), (half, waist - 0.2, length), body, CAR)
        draw_box(
            brush,
            (x, waist, z + back),
            (half * 0.95, height - waist, length - 1.5),
            glass,
            CAR,
            0.8,
        )
        roof = BOX[[2, 3, 7, 6]] * np.array([half * 0.77, 0, (length - 1.5) * 0.8])
        roof += np.array([x, height, z + back + (length - 1.5) * 0.1])
        brush.canvas.polygon(brush.pixels(roof), body.shaded(1.1), CAR)
        self._wheels(brush, x, z)
        self._near_end(brush, x, z)

    def _wheels(self, brush: Brush, x: float, z: float) -> None:
        half, _, length = self.size
        angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        side = -1.0 if x > 0 else 1.0
        for centre in (z + 0.8, z + length - 0.8):
            ring = np.stack(
                (
                    np.full(10, x + side * (half + 0.01)),
                    0.32 + 0.32 * np.cos(angles),
                    centre + 0.32 * np.sin(angles),
                ),
                1,
            )
            brush.canvas.polygon(brush.pixels(ring), Ink(26, 26, 28, 150), CAR)
        for offset in (-half + 0.12, half - 0.12):  # the near pair, seen from the end
            quad = np.array([[-0.1, 0, 0], [0.1, 0, 0], [0.1, 0.3, 0], [-0.1, 0.3, 0]])
            tyre = brush.pixels(quad + np.array([x + offset, 0, z]))
            brush.canvas.polygon(tyre, Ink(24, 24, 26, 142), CAR)

    def _near_end(self, brush: Brush, x: float, z: float) -> None:
        half, height, _ = self.size

        def panel(x0: float, x1: float, y0: float, y1: float, ink: Ink, tag: int = CAR) -> None:
            quad = np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]])
            brush.canvas.polygon(brush.pixels(quad + np.array([x, 0, 0])), ink, tag)

        panel(-half, half, 0.22, 0.38, Ink(40, 40, 42, 104))
        panel(-0.26, 0.26, 0.42, 0.54, Ink(214, 214, 204, 88))
        lit = brush.lamps_on and self.drives
        shine = SHINES if lit else 0
        lamp_y = (0.52 * height - 0.14, 0.52 * height)
        if self.heading > 0:
            red = Ink(255, 44, 30, 104) if lit else Ink(150, 22, 20, 98)
            for x0, x1 in ((-half, -half + 0.3), (half - 0.3, half)):
                panel(x0, x1, *lamp_y, red, CAR | shine)
            exhaust_heat = 225 if self.drives else self.engine_heat
            panel(0.3, 0.46, 0.2, 0.28, Ink(60, 60, 60, exhaust_heat))
        else:
            panel(-0.6, 0.6, 0.4, 0.66, Ink(38, 38, 40, self.engine_heat))
            lamp = Ink(255, 250, 232, 140) if lit else Ink(206, 210, 212, 100)
            for x0, x1 in ((-half, -half + 0.34), (half - 0.34, half)):
                panel(x0, x1, *lamp_y, lamp, CAR | shine)
        if lit:
            ends = np.array([[x + s * (half - 0.16), 0.52 * height - 0.07, z] for s in (-1, 1)])
            reach = min(160.0, (900.0 if self.heading < 0 else 160.0) / max(z, 1.0) + 4)
            colour = (255, 244, 214) if self.heading < 0 else (150, 16, 10)
            for u, v in brush.pixels(ends):
                brush.glows.append(Glow((u, v), reach, colour))


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
        brush.shadow(x, z, 0.28, 0.25)
        swing = 0.24 * np.sin(time * self.pace)
        self.draw_body(brush, x, z, 0.0, swing)

    def draw_body(self, brush: Brush, x: float, z: float, lift: float, swing: float) -> None:
        """Draw the body with the feet `lift` metres above the road."""
        s = self.height / 1.75
        scale = brush.camera.focal / max(z, 0.6) * s  # pixels per metre
        skin = Ink(214, 170, 142, self.warmth)
        coat = Ink(*self.coat, self.warmth - 46)
        trousers = Ink(*self.trousers, self.warmth - 58)

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
            canvas.line(foot, foot, 0.12 * scale, Ink(40, 36, 34, self.warmth - 80), PERSON)
        for side in (-1, 1):
            elbow = at(side * 0.27 - side * swing * 0.2, 1.14)
            hand = at(side * 0.25 - side * swing * 0.6, 0.86)
            canvas.line(at(side * 0.22, shoulder - 0.06), elbow, 0.12 * scale, coat.shaded(0.85), PERSON)
            canvas.line(elbow, hand, 0.10 * scale, coat.shaded(0.85), PERSON)
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
        brush.shadow(x, z, 0.8, 0.18)
        scale = brush.camera.focal / max(z, 0.6)
        frame = Ink(*self.paint, 88)
        tyre = Ink(32, 32, 34, 112)
        points = np.array(
            [
                [x + dx, y, z]
                for dx, y in (
                    (-0.52, 0.34),
                    (0.52, 0.34),
                    (-0.12, 0.3),
                    (-0.22, 0.82),
                    (0.36, 0.8),
                    (0.3, 1.02),
                    (-0.24, 0.9),
                )
            ]
        )
        rear, front, crank, seat, head, bar, saddle = map(tuple, brush.pixels(points).tolist())
        canvas = brush.canvas
        for hub in points[:2]:
            canvas.mark(brush.pixels(hub + _RIM), BIKE)
        canvas.mark(brush.pixels(points[[0, 3, 4, 1, 2]]), BIKE)
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

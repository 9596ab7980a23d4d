"""Compose a drive along a street and render its frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.synthetic import street
from mtvif_ros.synthetic.actors import Bike, Car, Person
from mtvif_ros.synthetic.brush import Brush, Glow
from mtvif_ros.synthetic.camera import Camera
from mtvif_ros.synthetic.canvas import SHINES, Canvas, Texture
from mtvif_ros.synthetic.light import TIMES, add_glow, glow_sprite, light_map, sky
from mtvif_ros.synthetic.obstacles import CarStop, Cone, Guardrail
from mtvif_ros.synthetic.sensors import ThermalCamera, VisibleCamera
from mtvif_ros.synthetic.smoke import CURTAINS, Smoke

_NEAREST, _FARTHEST = 0.8, 95.0
_WALL_EDGE = street.WALL_TOP - 0.2  # one texel lower, so that the repeated texture does not bleed in
_PERIOD = street.PERIOD


@dataclass(frozen=True)
class SceneConfig:
    """Describe a scene; with one version of OpenCV, the same config always gives the same frames.

    `time` is day, dusk or night. `speed` is the camera's in m/s, `rate` in frames/s. `misaligned` shifts the
    infrared frame by about so many pixels. `smoke` is the density of smoke in the street, 0..1. Raises
    ValueError for an unknown time, a size below 32 pixels and an impossible density.
    """

    seed: int = 0
    time: str = "day"
    width: int = 640
    height: int = 480
    rate: float = 30.0
    speed: float = 7.0
    misaligned: float = 0.0
    smoke: float = 0.0

    def __post_init__(self) -> None:
        if self.time not in TIMES:
            raise ValueError(f"time: {self.time!r} is unknown; choose one of {sorted(TIMES)}")
        if min(self.width, self.height) < 32:
            raise ValueError(f"size: {self.width}x{self.height} is too small; use at least 32x32")
        if not 0 <= self.smoke <= 1:
            raise ValueError(f"smoke: {self.smoke} is not within 0 .. 1")


class Frame(NamedTuple):
    """Hold rgb (H, W, 3), ir (H, W) and the exact class mask (H, W), all uint8."""

    rgb: Image
    ir: Image
    mask: Image


class Actor(Protocol):
    """Draw something that stands or moves in the street."""

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it at (x, z) in metres, `time` seconds after the start."""


class Placed(NamedTuple):
    """Hold an actor, its start (x, z) in metres and its speed in m/s."""

    actor: Actor
    x: float
    z: float
    speed_x: float = 0.0
    speed_z: float = 0.0


class Tree:
    """Draw a tree."""

    def __init__(self, levels: list[Texture], height: float):
        self._levels = levels
        self._height = height

    def draw(self, brush: Brush, x: float, z: float, time: float) -> None:
        """Draw it rooted at (x, z)."""
        del time
        half = self._height / 2
        corners = np.array([[x - half, self._height, z], [x + half, 0, z]])
        (left, top), (right, bottom) = brush.pixels(corners)
        brush.canvas.sprite(self._levels, (left, top, right, bottom))


class RoadScene:
    """Render the frames of one drive, in any order: frame i does not depend on the frames before."""

    def __init__(self, config: SceneConfig):
        self.config = config
        self.camera = Camera(config.width, config.height)
        self._time = TIMES[config.time]
        rng = np.random.default_rng((config.seed, 77))
        night = config.time == "night"
        size = (config.height, config.width)
        self._sky = sky(self.camera, self._time, rng)
        self._light = light_map(self.camera, self._time)
        near_ground = street.ground_texture(rng, night)
        near_walls = [street.wall_texture(rng, night) for _ in street.WALLS]
        self._ground = (near_ground, near_ground.smaller((4, 4)))
        self._walls = [(wall, wall.smaller((4, 4))) for wall in near_walls]
        self._glow = glow_sprite()
        self._visible = VisibleCamera(rng, size, self._time.visible_noise)
        self._thermal = ThermalCamera(rng, size, config.misaligned)
        self._placed = _populate(rng)
        self._smoke = Smoke(rng, self.camera, self._time, config.smoke) if config.smoke else None

    def frame(self, index: int) -> Frame:
        """Render frame `index`, taken index / rate seconds after the start."""
        seconds = index / self.config.rate
        canvas = Canvas(self._sky)
        travelled = self.config.speed * seconds
        self._draw_street(canvas, travelled)
        brush = Brush(canvas, self.camera, self._time.head_lamps)
        things = [
            (z, partial(actor.draw, brush, x, z, seconds))
            for x, z, actor in self._in_view(seconds, travelled)
        ]
        if self._smoke:
            things += [(z, partial(self._smoke.draw, canvas, z, seconds)) for z in CURTAINS]
        for _, draw in sorted(things, key=lambda thing: -thing[0]):
            draw()
        return self._record(canvas, brush, index)

    def _draw_street(self, canvas: Canvas, travelled: float) -> None:
        camera = self.camera
        horizon, middle = camera.centre[1], camera.centre[0]
        width, height = camera.width, camera.height
        start = -(travelled % _PERIOD)

        def row_at(z: float) -> int:
            return min(height, int(horizon + camera.focal * camera.eye / z))

        far, near = row_at(_FARTHEST), row_at(14.0)
        for texture, share, top, bottom in (
            (self._ground[1], 4, far, near),
            (self._ground[0], 1, near, height),
        ):
            scale = (street.GROUND_SCALE[0] / share, street.GROUND_SCALE[1] / share)
            homography = camera.ground_homography(street.GROUND_LEFT, start, scale)
            canvas.plane(texture, homography, (0, top, width, bottom))
        for x, (full, small) in zip(street.WALLS, self._walls):
            columns = [int(np.clip(middle + camera.focal * x / z, 0, width)) for z in (_FARTHEST, 30.0, 0.1)]
            y_z = ((0, 0.7), (0, _FARTHEST), (_WALL_EDGE, _FARTHEST), (_WALL_EDGE, 0.7))
            outline = camera.project(np.array([(x, y, z) for y, z in y_z]))
            foot = row_at(camera.focal * abs(x) / middle) + 2  # where the wall leaves the frame
            for texture, share, a, b in (
                (small, 4, columns[0], columns[1]),
                (full, 1, columns[1], columns[2]),
            ):
                scale = (street.WALL_SCALE[0] / share, street.WALL_SCALE[1] / share)
                homography = camera.wall_homography(x, street.WALL_TOP, start, scale)
                low = foot if share == 1 else row_at(30.0)
                canvas.plane(texture, homography, (min(a, b), 0, max(a, b), min(height, low)), outline)

    def _in_view(self, seconds: float, travelled: float) -> list[tuple[float, float, Actor]]:
        found = []
        for placed in self._placed:
            z = (placed.z + placed.speed_z * seconds - travelled) % _PERIOD
            x = placed.x
            if placed.speed_x:
                span = street.WALLS[1] - street.WALLS[0] - 2
                x = street.WALLS[0] + 1 + (x - street.WALLS[0] + placed.speed_x * seconds) % span
            if _NEAREST < z < _FARTHEST:
                found.append((x, z, placed.actor))
        return found

    def _record(self, canvas: Canvas, brush: Brush, index: int) -> Frame:
        rng = np.random.default_rng((self.config.seed, index))
        heat = cv2.extractChannel(canvas.paint, 3)
        shining = cv2.cvtColor(canvas.tag & SHINES, cv2.COLOR_GRAY2RGB)
        light = cv2.add(self._light, shining)
        light = cv2.add(light, shining)  # twice 128 saturates: full light
        rgb = cv2.cvtColor(canvas.paint, cv2.COLOR_RGBA2RGB)
        rgb = cv2.multiply(rgb, light, scale=1 / 255)
        for glow in brush.glows:
            if _is_shining(canvas.tag, glow):  # and nothing hides it
                add_glow(np.asarray(rgb), self._glow, glow.centre, glow.radius, glow.colour)
        return Frame(
            self._visible.record(np.asarray(rgb, np.uint8), rng),
            self._thermal.record(np.asarray(heat, np.uint8), rng),
            np.asarray(canvas.tag & (SHINES - 1), np.uint8),
        )


def _is_shining(tag: Image, glow: Glow) -> bool:
    column, row = (int(value) for value in glow.centre)
    height, width = tag.shape
    return 0 <= column < width and 0 <= row < height and bool(tag[row, column] & SHINES)


def _populate(rng: np.random.Generator) -> list[Placed]:
    placed: list[Placed] = []

    def clothes() -> tuple[float, float, float]:
        return tuple(rng.uniform(20, 200) * rng.uniform(0.6, 1.1, 3))

    def person() -> Person:
        return Person(rng.uniform(1.5, 1.9), clothes(), clothes(), rng.uniform(205, 235), rng.uniform(5, 7))

    def car(heading: int, engine: float, drives: bool) -> Car:
        colours = ((232, 232, 230), (40, 42, 46), (150, 154, 160), (150, 30, 34), (36, 66, 130))
        half, height = rng.uniform(0.82, 0.95), rng.uniform(1.4, 1.75)
        return Car(
            colours[rng.integers(len(colours))],
            engine,
            heading,
            drives,
            (half, height, rng.uniform(3.8, 4.7)),
        )

    for z in street.steps(rng.uniform(0, 10), _PERIOD, 30.0):
        placed.append(Placed(car(-1, 190, True), -3.4, z + rng.uniform(0, 8), 0, -8.5))
    placed.append(Placed(car(1, 190, True), 0.1, rng.uniform(13, 22), 0, 7.0))
    for x, heading in ((3.05, 1), (-6.5, -1)):
        for z in street.steps(0, _PERIOD - 6, 6.5):
            draw = rng.random()
            if draw < 0.45:
                parked = car(heading, rng.uniform(96, 170), False)
                placed.append(Placed(parked, x, z + rng.uniform(0, 1)))
            elif draw < 0.75:
                placed.append(Placed(CarStop(), x - 0.4, z + 4.5))
                placed.append(Placed(CarStop(), x + 0.4, z + 4.5))
    for _ in range(16):
        x = rng.choice([rng.uniform(4.8, 6.8), rng.uniform(-10.4, -8.3)])
        placed.append(Placed(person(), x, rng.uniform(0, _PERIOD), 0, rng.choice([-1.3, 1.3, 0.0])))
    for _ in range(3):
        placed.append(Placed(person(), rng.uniform(-8, 5), rng.uniform(0, _PERIOD), rng.choice([-1.2, 1.2])))
    for _ in range(4):
        placed.append(Placed(Bike(clothes(), person()), 1.45, rng.uniform(0, _PERIOD), 0, 3.5))
    for _ in range(6):
        x = rng.choice([5.0, -8.6])
        placed.append(Placed(Bike(clothes()), x + rng.uniform(0, 0.5), rng.uniform(0, _PERIOD)))
    works = rng.uniform(0, _PERIOD)
    for step in range(6):
        placed.append(Placed(Cone(), 1.2 + 0.25 * step, (works + 2.2 * step) % _PERIOD))
    rails = rng.uniform(0, _PERIOD)
    for step in range(7):
        for x in (street.ROAD[1] + 0.35, street.ROAD[0] - 0.35):
            placed.append(Placed(Guardrail(), x, (rails + 4 * step) % _PERIOD))
    kinds = []
    for _ in range(3):
        levels = [street.tree_texture(rng)]
        while levels[-1].tag.shape[0] > 24:
            levels.append(levels[-1].smaller((2, 2)))
        kinds.append(levels)
    for z in street.steps(3, _PERIOD, 11.0):
        for x in (5.6, -9.2):
            if rng.random() < 0.7:
                levels = kinds[rng.integers(len(kinds))]
                tree = Tree(levels, rng.uniform(5, 8))
                placed.append(Placed(tree, x + rng.uniform(-0.4, 0.4), z + rng.uniform(-2, 2)))
    return placed

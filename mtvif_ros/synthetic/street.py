"""Paint what stands still: the road, its borders, the facades and the trees.

The street repeats every `PERIOD` metres, so a drive never ends.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.image import Image
from mtvif_ros.synthetic.canvas import HOLE, SHINES, Ink, Texture

PERIOD = 120.0
ROAD = (-7.6, 4.1)  # left and right kerb
WALLS = (-11.0, 7.5)
WALL_TOP = 16.0
GROUND_LEFT = -12.0
GROUND_SCALE = (32.0, 16.0)  # pixels per metre along x and z
WALL_SCALE = (16.0, 16.0)  # pixels per metre along z and y

CURVE, BUMP = STREET_NAMES.index("curve"), STREET_NAMES.index("bump")
_GROUND_WIDTH = 20.0


def blotches(rng: np.random.Generator, size: tuple[int, int], cell: int) -> npt.NDArray[np.float32]:
    """Return smooth noise (height, width), about -1..1, with features `cell` pixels wide."""
    coarse = rng.standard_normal((size[0] // cell + 2, size[1] // cell + 2), np.float32)
    smooth = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32)


def steps(start: float, end: float, step: float) -> list[float]:
    """Return `start`, `start + step`, … below `end`."""
    return [float(value) for value in np.arange(start, end, step)]


def ground_texture(rng: np.random.Generator, night: bool) -> Texture:
    """Paint road, lane lines, crossings, bumps, kerbs and pavement over one period."""
    shape = (int(PERIOD * GROUND_SCALE[1]), int(_GROUND_WIDTH * GROUND_SCALE[0]))
    paint = np.zeros((*shape, 4), np.uint8)
    tag = np.zeros(shape, np.uint8)
    warmth = 92 if night else 128

    def rectangle(x0: float, x1: float, z0: float, z1: float, ink: Ink, label: int) -> None:
        columns = [round((x - GROUND_LEFT) * GROUND_SCALE[0]) for x in (x0, x1)]
        rows = [round(z * GROUND_SCALE[1]) for z in (z0, z1)]
        area = np.s_[max(0, rows[0]) : rows[1], max(0, columns[0]) : columns[1]]
        paint[area] = ink
        tag[area] = label

    tile = Ink(148, 142, 134, warmth - 12)
    rectangle(GROUND_LEFT, GROUND_LEFT + _GROUND_WIDTH, 0, PERIOD, tile, 0)
    for z in steps(0, PERIOD, 1.0):
        rectangle(GROUND_LEFT, GROUND_LEFT + _GROUND_WIDTH, z, z + 0.07, tile.shaded(0.85), 0)
    rectangle(*ROAD, 0, PERIOD, Ink(88, 88, 90, warmth), 0)
    for _ in range(14):  # patches of newer asphalt
        x, z = rng.uniform(ROAD[0], ROAD[1] - 2), rng.uniform(0, PERIOD - 6)
        grey = rng.uniform(66, 98)
        patch = Ink(grey, grey, grey, warmth + rng.uniform(-6, 6))
        rectangle(x, x + rng.uniform(0.6, 2), z, z + rng.uniform(1, 6), patch, 0)
    line = Ink(222, 222, 214, warmth - 22)
    for z in steps(0, PERIOD, 6.0):
        rectangle(-1.82, -1.68, z, z + 3.0, line, CURVE)
    for x in (1.8, -5.35):
        rectangle(x, x + 0.12, 0, PERIOD, line, CURVE)
    crossing = rng.uniform(20, 40)
    for x in steps(ROAD[0] + 0.4, ROAD[1] - 0.4, 0.9):
        rectangle(x, x + 0.45, crossing, crossing + 3, line, 0)
    bump = rng.uniform(60, 100)
    rectangle(-5.2, 1.75, bump, bump + 0.9, Ink(60, 58, 52, warmth + 10), BUMP)
    for x in steps(-5.2, 1.5, 0.8):
        rectangle(x, x + 0.4, bump, bump + 0.9, Ink(226, 186, 44, warmth - 6), BUMP)
    for kerb in (ROAD[0] - 0.3, ROAD[1]):
        rectangle(kerb, kerb + 0.3, 0, PERIOD, Ink(176, 174, 168, warmth - 30), CURVE)
        edge = kerb + 0.25 if kerb < 0 else kerb
        rectangle(edge, edge + 0.05, 0, PERIOD, Ink(96, 94, 90, warmth - 8), CURVE)

    grain = 0.05 * rng.standard_normal(shape, np.float32) + 0.04 * blotches(rng, shape, 40)
    wear = 1 + grain + 0.05 * blotches(rng, shape, 160)
    varied = paint * wear[..., None]
    varied[..., 3] = paint[..., 3] * (1 + 0.3 * grain) + 5 * blotches(rng, shape, 120)
    return Texture(_bytes(varied), tag, opaque=True)


def wall_texture(rng: np.random.Generator, night: bool) -> Texture:
    """Paint one side of the street over one period: houses with windows, hedges and walls."""
    shape = (int(WALL_TOP * WALL_SCALE[1]), int(PERIOD * WALL_SCALE[0]))
    paint = np.zeros((*shape, 4), np.float32)
    tag = np.full(shape, HOLE, np.uint8)
    start = 0
    while start < shape[1]:
        width = min(int(rng.uniform(7, 18) * WALL_SCALE[0]), shape[1] - start)
        kind = rng.choice(["house", "house", "hedge", "wall"])
        if kind == "house":
            _house(rng, night, paint, tag, start, width)
        else:
            height = rng.uniform(1.6, 3.0) if kind == "hedge" else rng.uniform(1.2, 2.2)
            rows = int(height * WALL_SCALE[1])
            area = np.s_[shape[0] - rows :, start : start + width]
            ink = (54, 84, 38, 74) if kind == "hedge" else (150, 142, 130, 100)
            leaves = 0.35 if kind == "hedge" else 0.06
            paint[area] = ink
            paint[area][..., :3] *= 1 + leaves * rng.standard_normal((rows, width, 1), np.float32)
            paint[area][..., 3] += 5 * rng.standard_normal((rows, width), np.float32)
            tag[area] = 0
        start += width
    paint *= 1 + 0.05 * blotches(rng, shape, 30)[..., None]
    return Texture(_bytes(paint), tag)


def _house(
    rng: np.random.Generator,
    night: bool,
    paint: npt.NDArray[np.float32],
    tag: Image,
    start: int,
    width: int,
) -> None:
    bottom = paint.shape[0]
    rows = int(rng.uniform(6, WALL_TOP) * WALL_SCALE[1])
    base = rng.uniform(95, 200) * np.array([1, rng.uniform(0.85, 1), rng.uniform(0.7, 0.98)])
    warmth = rng.uniform(84, 112)
    area = np.s_[bottom - rows : bottom, start : start + width]
    paint[area] = (*base, warmth)
    tag[area] = 0
    paint[bottom - rows : bottom - rows + 5, start : start + width, :3] *= 0.6  # the eaves
    paint[area[0], start : start + 3, :3] *= 0.7  # the gap to the neighbour
    storey, bay = int(3.1 * WALL_SCALE[1]), int(rng.uniform(2.0, 3.2) * WALL_SCALE[0])
    glass_w, glass_h = int(bay * 0.5), int(storey * 0.5)
    for top in range(bottom - rows + 14, bottom - glass_h - 8, storey):
        for left in range(start + bay // 4, start + width - glass_w - 4, bay):
            window = np.s_[top : top + glass_h, left : left + glass_w]
            lit = night and rng.random() < 0.3
            paint[top - 2 : top + glass_h + 2, left - 2 : left + glass_w + 2, :3] *= 1.2
            sky = rng.uniform(0.7, 1.3)
            paint[window] = (
                (255, 214, 140, 122) if lit else (70 * sky, 86 * sky, 104 * sky, rng.uniform(52, 76))
            )
            tag[window] = SHINES if lit else 0
            paint[top : top + glass_h, left + glass_w // 2, :3] *= 0.6
    door = start + int(rng.uniform(0.1, 0.7) * width)
    door_area = np.s_[bottom - int(2.2 * WALL_SCALE[1]) : bottom, door : door + int(1.1 * WALL_SCALE[0])]
    paint[door_area] = (*rng.uniform(40, 110, 3), 104)
    tag[door_area] = 0


def tree_texture(rng: np.random.Generator) -> Texture:
    """Paint one tree, 192 pixels high, with holes between its leaves."""
    size = 192
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    density = np.full((size, size), -1, np.float32)
    for _ in range(16):
        x, y = rng.normal(size / 2, size * 0.17), rng.normal(size * 0.36, size * 0.13)
        radius = rng.uniform(0.10, 0.19) * size
        density = np.maximum(density, 1 - ((columns - x) ** 2 + (rows - y) ** 2) / radius**2)
    leaves = blotches(rng, (size, size), 5)
    crown = density + 0.35 * leaves > 0.15
    crown[:, :4] = crown[:, -4:] = crown[:4] = False
    green = np.array([rng.uniform(44, 104), rng.uniform(78, 112), rng.uniform(28, 48), 72])
    paint = np.zeros((size, size, 4), np.float32)
    trunk = np.s_[int(size * 0.45) :, int(size * 0.47) : int(size * 0.53)]
    paint[trunk] = (84, 66, 50, 88)
    light = 0.75 + 0.35 * (1 - rows / size) + 0.22 * leaves
    paint[crown] = green
    paint[crown, :3] *= light[crown, None]
    paint[crown, 3] += 6 * leaves[crown]
    tag = np.where(crown, 0, HOLE).astype(np.uint8)
    tag[trunk] = 0
    return Texture(_bytes(paint), tag)


def _bytes(image: npt.NDArray[np.floating]) -> Image:
    return np.clip(image, 0, 255).astype(np.uint8)

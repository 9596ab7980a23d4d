"""Build things of flat polygons once, in metres from where they stand, to draw them in many places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mtvif_ros.synthetic.camera import Points
from mtvif_ros.synthetic.canvas import Ink

_TURN = np.linspace(0, 2 * np.pi, 12, endpoint=False)
_CORNERS = np.array(
    [[x, y, z] for z in (0, 1) for y in (0, 1) for x in (-1, 1)], np.float64
)  # corner = x + 2 y + 4 z, in units of half width, height and length
_FACES = ((0, 1, 3, 2), (5, 4, 6, 7), (4, 0, 2, 6), (1, 5, 7, 3), (2, 3, 7, 6))
_FACE_LIGHT = (0.86, 0.86, 0.72, 0.95, 1.12)


class Part(NamedTuple):
    """Hold a convex polygon of corners (N, 3), its ink and its tag; without a tag it keeps the labels below.

    A `one_sided` polygon is seen only from its front, as the faces of a closed body are.
    """

    corners: Points
    ink: Ink
    tag: int | None
    one_sided: bool = False


class Solid:
    """Hold the parts of a thing, from far to near, and all their corners in one array (N, 3)."""

    def __init__(self, parts: Sequence[Part]):
        ends = np.cumsum([len(part.corners) for part in parts]).tolist()
        starts = [0, *ends[:-1]]
        self.points: Points = np.concatenate([part.corners for part in parts])
        self._parts = [
            (slice(start, end), part.ink, part.tag, part.one_sided)
            for start, end, part in zip(starts, ends, parts)
        ]
        self._first_three = np.array(starts)[:, None] + np.arange(3)
        self._turns_away = any(part.one_sided for part in parts)

    def seen(self, pixels: Points) -> Iterator[tuple[slice, Ink, int | None]]:
        """Yield rows, ink and tag of the parts that face us, given the pixels (N, 2) of `points`."""
        if not self._turns_away:
            yield from ((rows, ink, tag) for rows, ink, tag, _ in self._parts)
            return
        first = pixels[self._first_three]
        edges = first[:, 1:] - first[:, :1]
        turns = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
        for (rows, ink, tag, one_sided), turn in zip(self._parts, turns.tolist()):
            if turn < 0 or not one_sided:
                yield rows, ink, tag


def quad(corners: Sequence[tuple[float, float, float]], ink: Ink, tag: int) -> Part:
    """Return a polygon that both sides show."""
    return Part(np.array(corners, np.float64), ink, tag)


def shadow(half_width: float, half_length: float, z: float = 0.0) -> Part:
    """Return a dark patch on the road, without a label."""
    ring = (half_width * np.cos(_TURN), np.full(12, 0.01), z + half_length * np.sin(_TURN))
    return Part(np.stack(ring, 1), Ink(34, 34, 36, 112), None)


def box(
    origin: tuple[float, float, float],
    size: tuple[float, float, float],
    ink: Ink,
    tag: int,
    taper: float = 1.0,
) -> list[Part]:
    """Return a box by its near bottom centre; `size` is half width, height, length.

    `taper` scales the top face, for cabins and blocks.
    """
    corners = _CORNERS * size
    top = corners[:, 1] > 0
    corners[top, 0] *= taper
    middle = size[2] / 2
    corners[top, 2] = middle + (corners[top, 2] - middle) * taper
    corners += origin
    return [
        Part(corners[list(face)], ink.shaded(light), tag, one_sided=True)
        for face, light in zip(_FACES, _FACE_LIGHT)
    ]

"""Find the things that a mask shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.imaging.thermal import Celsius


class Region(NamedTuple):
    """Hold a connected region of one class: its mask value, box and area in px, score in 0..1.

    `warmest` and `median` are the temperatures of its pixels in °C, None where none is known.
    """

    value: int
    left: int
    top: int
    width: int
    height: int
    area: int
    score: float
    warmest: float | None = None
    median: float | None = None


def find_regions(
    mask: Image,
    values: Sequence[int],
    least: int = 1,
    most: int = 0,
    confidence: Image | None = None,
    temperatures: Celsius | None = None,
) -> list[Region]:
    """Return the regions of the classes `values` in a mask (H, W), the largest first.

    Pixels that touch, at corners too, are one region, and so are things that touch. Regions of fewer pixels
    than `least` or more than `most`, unless that is 0, are left out. The score is the mean of `confidence`
    (H, W), 255 = 1, or without it the share of its box that a region fills. `temperatures` are (H, W) in °C,
    NaN where unknown.
    """
    found = []
    for value in values:
        chosen = (mask == value).view(np.uint8)
        # Most classes are seen in a corner of the frame or not at all.
        x, y, columns, rows = cv2.boundingRect(chosen)
        if not columns:
            continue
        _, numbers, boxes, _ = cv2.connectedComponentsWithStats(chosen[y : y + rows, x : x + columns])
        areas = boxes[1:, cv2.CC_STAT_AREA]
        for number in np.flatnonzero((areas >= least) & ((areas <= most) | (most == 0))) + 1:
            left, top, width, height, area = (int(side) for side in boxes[number])
            inside = numbers[top : top + height, left : left + width] == number
            left, top = left + x, top + y
            box = np.s_[top : top + height, left : left + width]
            score = area / inside.size if confidence is None else float(confidence[box][inside].mean()) / 255
            warmth = () if temperatures is None else _warmth(temperatures[box][inside])
            found.append(Region(value, left, top, width, height, area, score, *warmth))
    return sorted(found, key=lambda region: -region.area)


def _warmth(temperatures: Celsius) -> tuple[float, ...]:
    known = temperatures[np.isfinite(temperatures)]
    return (float(known.max()), float(np.median(known))) if known.size else ()

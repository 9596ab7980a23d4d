"""Define the classes of a segmentation mask: their names and colours."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mtvif_ros.image import Image

IGNORE = 255  # the mask value of pixels that count for nothing
LEAST, MOST = 2, 255  # classes of a model

Colour = tuple[int, int, int]

_NO_CLASS = (128, 128, 128)
_GOLDEN = 0.618034  # of the way around the colour wheel: neighbours never look alike


class SegmentationClass(NamedTuple):
    """Hold the name and the R G B colour of one mask value."""

    name: str
    rgb: Colour


# The nine classes of MFNet and MSRS, which rendered scenes have; the index is the value in the mask.
STREET = (
    SegmentationClass("background", (0, 0, 0)),
    SegmentationClass("car", (64, 96, 255)),
    SegmentationClass("person", (255, 64, 64)),
    SegmentationClass("bike", (0, 208, 208)),
    SegmentationClass("curve", (255, 208, 0)),
    SegmentationClass("car_stop", (160, 96, 255)),
    SegmentationClass("guardrail", (176, 176, 176)),
    SegmentationClass("color_cone", (255, 128, 0)),
    SegmentationClass("bump", (96, 224, 96)),
)
STREET_NAMES = tuple(entry.name for entry in STREET)


def with_colours(
    names: Sequence[str], given: Mapping[str, Colour] | None = None
) -> tuple[SegmentationClass, ...]:
    """Return classes of these names; those without a `given` colour get STREET's, or one of their own."""
    known = dict(STREET) | dict(given or {})
    return tuple(
        SegmentationClass(name, known.get(name) or _colour_of(index)) for index, name in enumerate(names)
    )


def colour_table(colours: Sequence[Sequence[int]]) -> Image:
    """Return R G B `colours` by mask value, (256, 3) uint8, grey for values without a class."""
    table = np.full((256, 3), _NO_CLASS, np.uint8)
    table[: len(colours)] = np.asarray(colours, np.uint8).reshape(-1, 3)
    return table


def _colour_of(index: int) -> Colour:
    # Three rounds of brightness tell apart the hues of many classes.
    red, green, blue = colorsys.hsv_to_rgb(index * _GOLDEN % 1, 0.75, 1 - 0.2 * (index % 3))
    return round(255 * red), round(255 * green), round(255 * blue)

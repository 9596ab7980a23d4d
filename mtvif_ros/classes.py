"""Name and colour the classes of the segmentation mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Palette = npt.NDArray[np.uint8]

IGNORE = 255


class SegmentationClass(NamedTuple):
    """Hold the name and the R, G, B colour of one mask value."""

    name: str
    rgb: tuple[int, int, int]


# The order is the mask's value; the nine classes are those of MFNet and MSRS.
CLASSES = (
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
CLASS_NAMES = tuple(entry.name for entry in CLASSES)


def palette(size: int = len(CLASSES)) -> Palette:
    """Return a (size, 3) uint8 array of R, G, B colours, grey for values without a class."""
    colours = np.full((size, 3), 128, np.uint8)
    known = min(size, len(CLASSES))
    colours[:known] = [entry.rgb for entry in CLASSES[:known]]
    return colours

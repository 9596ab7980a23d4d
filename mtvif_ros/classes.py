"""Define the classes of the segmentation mask: their names and colours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mtvif_ros.image import Image

IGNORE = 255


class SegmentationClass(NamedTuple):
    """Hold the name and the R G B colour of one mask value."""

    name: str
    rgb: tuple[int, int, int]


# The nine classes of MFNet and MSRS; the index is the value in the mask.
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


def palette(size: int = len(CLASSES)) -> Image:
    """Return R G B colours (size, 3) as uint8, grey for values without a class."""
    colours = np.full((size, 3), 128, np.uint8)
    known = min(size, len(CLASSES))
    colours[:known] = [entry.rgb for entry in CLASSES[:known]]
    return colours

"""Draw masks and results for people to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.imaging.regions import Region

_LETTERS = 10  # px high


def overlay(fused: Image, mask: Image, colours: Image, opacity: float = 0.5) -> Image:
    """Return the fused image with every class but the background tinted, (H, W, 3) R G B.

    `colours` is a colour_table.
    """
    tinted = cv2.addWeighted(fused, 1 - opacity, colours[mask], opacity, 0)
    return np.where(mask[..., None] > 0, np.asarray(tinted, np.uint8), fused)


def side_by_side(rgb: Image, ir: Image, fused: Image, mask: Image, colours: Image) -> Image:
    """Return visible, infrared, fused image and mask in one row, (H, 4 W, 3) R G B.

    `colours` is a colour_table.
    """
    grey = cv2.cvtColor(ir, cv2.COLOR_GRAY2RGB)
    return np.hstack((rgb, np.asarray(grey, np.uint8), fused, colours[mask]))


def with_boxes(picture: Image, regions: Iterable[Region], names: Sequence[str], colours: Image) -> Image:
    """Return a copy of the picture (H, W, 3) R G B with a box around each region, and what is known of it.

    `names` are the classes by mask value, `colours` is a colour_table.
    """
    drawn = picture.copy()
    for region in regions:
        colour = tuple(int(level) for level in colours[region.value])
        first = (region.left, region.top)
        cv2.rectangle(drawn, first, (region.left + region.width - 1, region.top + region.height - 1), colour)
        words = f"{names[region.value]} {region.score:.2f}"
        if region.warmest is not None:
            words += f" {region.warmest:.0f} C"
        place = (region.left, max(_LETTERS, region.top - 3))
        for shade, thickness in (((0, 0, 0), 3), (colour, 1)):
            cv2.putText(
                drawn, words, place, cv2.FONT_HERSHEY_SIMPLEX, _LETTERS / 25, shade, thickness, cv2.LINE_AA
            )
    return drawn

"""Draw masks and results for people to look at."""

from __future__ import annotations

import cv2
import numpy as np

from mtvif_ros.image import Image


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

"""Draw masks and results for people to look at."""

from __future__ import annotations

import cv2
import numpy as np

from mtvif_ros.classes import palette
from mtvif_ros.image import Image

_COLOURS = palette(256)


def colour_mask(mask: Image) -> Image:
    """Return class indices (H, W) in the palette's colours, (H, W, 3) R G B."""
    return _COLOURS[mask]


def overlay(fused: Image, mask: Image, opacity: float = 0.5) -> Image:
    """Return the fused image with every class but the background tinted, (H, W, 3) R G B."""
    tinted = cv2.addWeighted(fused, 1 - opacity, colour_mask(mask), opacity, 0)
    return np.where(mask[..., None] > 0, np.asarray(tinted, np.uint8), fused)


def side_by_side(rgb: Image, ir: Image, fused: Image, mask: Image) -> Image:
    """Return visible, infrared, fused image and coloured mask in one row, (H, 4 W, 3) R G B."""
    grey = cv2.cvtColor(ir, cv2.COLOR_GRAY2RGB)
    return np.hstack((rgb, np.asarray(grey, np.uint8), fused, colour_mask(mask)))

"""Take pixels of little confidence out of a mask."""

from __future__ import annotations

import numpy as np

from mtvif_ros.classes import IGNORE
from mtvif_ros.image import Image


def ignore_uncertain(mask: Image, confidence: Image, least: float) -> Image:
    """Return the mask (H, W) with class 255 where `confidence`, 0..255, is below the share `least` of 255."""
    return np.where(confidence < least * 255, np.uint8(IGNORE), mask)

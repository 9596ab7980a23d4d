"""Load pairs together with the classes that each pixel may have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import CLASS_NAMES, IGNORE
from mtvif_ros.image import Image
from mtvif_ros.recordings.pair_folder import PairFiles, load_mask, load_pair
from training.data.allowed import (
    ALL_CLASSES,
    allowed_from_boxes,
    allowed_from_mask,
    allowed_from_mask_and_boxes,
)
from training.data.boxes import read_boxes


@dataclass(frozen=True)
class Sample:
    """Hold one pair in memory.

    rgb: (H, W, 3) uint8, R G B. ir: (H, W) uint8. allowed: (H, W) uint16, see training.data.allowed.
    """

    name: str
    rgb: Image
    ir: Image
    allowed: npt.NDArray[np.uint16]


def load_sample(files: PairFiles) -> Sample:
    """Read a pair with its mask and boxes.

    With neither, every class is allowed everywhere. Raises ValueError naming the file that cannot be used.
    """
    rgb, ir = load_pair(files)
    mask = load_labels(files, ir)
    boxes = read_boxes(files.boxes) if files.boxes is not None else None
    if mask is not None and boxes is not None:
        allowed = allowed_from_mask_and_boxes(mask, boxes)
    elif mask is not None:
        allowed = allowed_from_mask(mask)
    elif boxes is not None:
        allowed = allowed_from_boxes(boxes, (ir.shape[0], ir.shape[1]))
    else:
        allowed = np.full(ir.shape, ALL_CLASSES, np.uint16)
    return Sample(files.name, rgb, ir, allowed)


def load_labels(files: PairFiles, like: Image) -> Image | None:
    """Read the class mask as load_mask does. Raises ValueError for values of no class, too."""
    mask = load_mask(files, like)
    if mask is None:
        return None
    wrong = np.setdiff1d(mask, (*range(len(CLASS_NAMES)), IGNORE))
    if wrong.size:
        raise ValueError(
            f"{files.mask}: values {wrong.tolist()}, expected 0..{len(CLASS_NAMES) - 1} or {IGNORE}"
        )
    return mask

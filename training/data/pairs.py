"""Hold pairs in memory together with what is known of their classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtvif_ros.pair_folder import PairFiles, load_mask, load_pair
from training.data.allowed import ALL_CLASSES, allowed_from_boxes, allowed_from_mask

Image = npt.NDArray[np.uint8]


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
    """Read a pair and what is known of its classes.

    A mask outranks boxes; with neither, every class is allowed everywhere. Raises ValueError naming
    the file that cannot be used.
    """
    rgb, ir = load_pair(files)
    mask = load_mask(files, ir)
    if mask is not None:
        allowed = allowed_from_mask(mask)
    elif files.boxes is not None:
        allowed = allowed_from_boxes(read_boxes(files.boxes), (ir.shape[0], ir.shape[1]))
    else:
        allowed = np.full(ir.shape, ALL_CLASSES, np.uint16)
    return Sample(files.name, rgb, ir, allowed)


def read_boxes(path: Path) -> npt.NDArray[np.float32]:
    """Return an (N, 5) array of `class x_centre y_centre width height`, sizes in 0..1 (YOLO form).

    Raises ValueError naming the file when a line has not five numbers.
    """
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    try:
        return np.array(rows, np.float32).reshape(len(rows), 5)
    except ValueError as error:
        raise ValueError(f"{path}: every line must be `class x_centre y_centre width height`") from error

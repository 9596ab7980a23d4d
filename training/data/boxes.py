"""Read hand-drawn boxes of persons, bikes and cars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import CLASS_NAMES

Boxes = npt.NDArray[np.float32]

# The mask values of the YOLO files' classes 0 (person), 1 (bike) and 2 (car).
BOX_CLASSES = tuple(CLASS_NAMES.index(name) for name in ("person", "bike", "car"))
_FOUND = 0.25


def read_boxes(path: Path) -> Boxes:
    """Return an (N, 5) array of `class x_centre y_centre width height`, sizes in 0..1 (YOLO form).

    Raises ValueError, naming file and line, for a line that is not five numbers, has an unknown class or
    leaves the picture.
    """
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        problem = _problem(line)
        if problem:
            raise ValueError(f"{path}: line {number}, {' '.join(line)!r}: {problem}")
    return np.array(lines, np.float32).reshape(len(lines), 5)


def box_window(
    box: Sequence[float | np.float32], size: tuple[int, ...], share: tuple[float, float] = (1.0, 1.0)
) -> tuple[slice, slice]:
    """Return the rows and columns, in a picture of `size` (height, width), of a box's central `share`."""
    x, y, w, h = (float(value) for value in box)
    half_w, half_h = w * share[0] / 2, h * share[1] / 2
    rows = slice(max(0, round((y - half_h) * size[0])), max(0, round((y + half_h) * size[0])))
    columns = slice(max(0, round((x - half_w) * size[1])), max(0, round((x + half_w) * size[1])))
    return rows, columns


def is_found(mask: npt.NDArray[np.uint8], index: int, box: Sequence[float | np.float32]) -> bool:
    """Decide whether class `index` fills at least a quarter of a box; below that the mask missed it."""
    inside = mask[box_window(box, mask.shape)]
    return bool(inside.size and (inside == index).mean() >= _FOUND)


def _problem(line: list[str]) -> str | None:
    try:
        kind, *box = (float(value) for value in line)
    except ValueError:
        return "not numbers"
    if len(box) != 4:
        return "must be `class x_centre y_centre width height`"
    if kind not in range(len(BOX_CLASSES)):
        return f"class must be 0 to {len(BOX_CLASSES) - 1}"
    if not all(0 <= value <= 1 for value in box):
        return "centre and size must be in 0..1"
    return None

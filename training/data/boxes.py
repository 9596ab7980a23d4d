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
_ROUNDED = 1e-3  # how far numbers of three digits may lie outside the picture


def read_boxes(path: Path) -> Boxes:
    """Return an (N, 5) array of `class x_centre y_centre width height`, sizes in 0..1 (YOLO form).

    Rounding that leaves the picture by a thousandth is cut off. Raises ValueError, naming the file and every
    line that is not five numbers, has an unknown class, has no size or leaves the picture, and for a
    `classes.txt` of labelImg beside the file that orders the classes in another way.
    """
    _check_order(path.with_name("classes.txt"))
    lines = [
        (number, line.split()) for number, line in enumerate(_read(path).splitlines(), 1) if line.strip()
    ]
    problems = [
        f"line {number}, {' '.join(line)!r}: {problem}"
        for number, line in lines
        if (problem := _problem(line))
    ]
    if problems:
        raise ValueError(f"{path}: {'; '.join(problems)}")
    boxes = np.array([line for _, line in lines], np.float32).reshape(len(lines), 5)
    boxes[:, 1:] = np.clip(boxes[:, 1:], 0, 1)
    return boxes


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


def _read(path: Path) -> str:
    """Return a text file without its byte-order mark."""
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _check_order(listing: Path) -> None:
    if not listing.is_file():
        return
    ours = {CLASS_NAMES[index]: number for number, index in enumerate(BOX_CLASSES)}
    for number, line in enumerate(_read(listing).splitlines()):
        name = line.strip().lower()
        if ours.get(name, number) != number:
            raise ValueError(
                f"{listing}: {name} is class {number}, expected {ours[name]}; number the boxes' classes in "
                f"the order {', '.join(ours)}, then correct or remove this file"
            )


def _problem(line: list[str]) -> str | None:
    try:
        kind, *box = (float(value) for value in line)
    except ValueError:
        return "not numbers"
    if len(box) != 4:
        return "must be `class x_centre y_centre width height`"
    if kind not in range(len(BOX_CLASSES)):
        return f"class must be 0 to {len(BOX_CLASSES) - 1}"
    if not all(-_ROUNDED <= value <= 1 + _ROUNDED for value in box):
        return "centre and size must be in 0..1"
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return "has no size; remove the line"
    if not all(
        half / 2 - _ROUNDED <= centre <= 1 + _ROUNDED - half / 2 for centre, half in ((x, width), (y, height))
    ):
        return "reaches beyond the edge; cut it there"
    return None

"""Read hand-drawn boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtvif_ros.recordings.pair_folder import PairFiles

_FOUND = 0.25

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Boxes:
    """Hold boxes (N, 4) `x_centre y_centre width height` in 0..1, and the class index of each.

    boxed: the classes that have boxes wherever they appear.
    """

    places: npt.NDArray[np.float32]
    indices: tuple[int, ...]
    boxed: frozenset[int]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[tuple[int, Box]]:
        yield from zip(self.indices, self.places.tolist())

    def only(self, kept: Sequence[bool]) -> Boxes:
        """Return those boxes for which `kept` is true."""
        indices = tuple(index for index, keep in zip(self.indices, kept) if keep)
        return Boxes(self.places[np.array(kept, bool)], indices, self.boxed)


def read_boxes(files: PairFiles, names: Sequence[str]) -> Boxes | None:
    """Read the boxes of a pair, lines `class x_centre y_centre width height` (YOLO form); None without any.

    `names` are the model's classes; boxes of other classes are left out. Raises ValueError, naming file and
    line, for a line that is not five numbers, has an unknown class or leaves the picture.
    """
    if files.boxes is None:
        return None
    classes = [names.index(name) if name in names else None for name in files.box_names]
    lines = [line.split() for line in files.boxes.read_text().splitlines() if line.strip()]
    indices, places = [], []
    for number, line in enumerate(lines, 1):
        problem = _problem(line, len(classes))
        if problem:
            raise ValueError(f"{files.boxes}: line {number}, {' '.join(line)!r}: {problem}")
        index = classes[int(float(line[0]))]
        if index is not None:
            indices.append(index)
            places.append(line[1:])
    boxed = frozenset(index for index in classes if index is not None)
    return Boxes(np.array(places, np.float32).reshape(len(places), 4), tuple(indices), boxed)


def box_window(
    box: Box, size: tuple[int, ...], share: tuple[float, float] = (1.0, 1.0)
) -> tuple[slice, slice]:
    """Return the rows and columns, in a picture of `size` (height, width), of a box's central `share`."""
    x, y, w, h = box
    half_w, half_h = w * share[0] / 2, h * share[1] / 2
    rows = slice(max(0, round((y - half_h) * size[0])), max(0, round((y + half_h) * size[0])))
    columns = slice(max(0, round((x - half_w) * size[1])), max(0, round((x + half_w) * size[1])))
    return rows, columns


def is_found(mask: npt.NDArray[np.uint8], index: int, box: Box) -> bool:
    """Decide whether class `index` fills at least a quarter of a box; below that the mask missed it."""
    inside = mask[box_window(box, mask.shape)]
    return bool(inside.size and (inside == index).mean() >= _FOUND)


def _problem(line: list[str], classes: int) -> str | None:
    try:
        kind, *box = (float(value) for value in line)
    except ValueError:
        return "not numbers"
    if len(box) != 4:
        return "must be `class x_centre y_centre width height`"
    if kind not in range(classes):
        return f"class must be 0 to {classes - 1}"
    if not all(0 <= value <= 1 for value in box):
        return "centre and size must be in 0..1"
    return None

"""Say for every pixel which classes it may have, as a bit set.

One form serves all supervision: a labelled pixel allows one class, an ignored one all of them, and a
box allows its class inside and forbids it outside. The loss then asks that the probability of the
allowed classes together be one (the partial-label likelihood, Cour et al., JMLR 2011).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import CLASS_NAMES, IGNORE

AllowedSet = npt.NDArray[np.uint16]

ALL_CLASSES = (1 << len(CLASS_NAMES)) - 1
_PERSON, _BIKE, _CAR = (CLASS_NAMES.index(name) for name in ("person", "bike", "car"))

# The YOLO files number their classes 0 person, 1 bike, 2 car.
BOX_CLASSES = (_PERSON, _BIKE, _CAR)
_BOXED = sum(1 << index for index in BOX_CLASSES)
# The share of a box's width and height, around its centre, that its class nearly always fills.
_CORE = {_PERSON: (0.3, 0.6), _CAR: (0.7, 0.6)}


def allowed_from_mask(mask: npt.NDArray[np.uint8]) -> AllowedSet:
    """Turn a class-index mask into bit sets; 255 allows all. Raises ValueError on other values."""
    wrong = np.setdiff1d(mask, (*range(len(CLASS_NAMES)), IGNORE))
    if wrong.size:
        raise ValueError(f"mask values {wrong.tolist()}: expected 0..{len(CLASS_NAMES) - 1} or {IGNORE}")
    bits = np.full(256, ALL_CLASSES, np.uint16)
    bits[: len(CLASS_NAMES)] = 1 << np.arange(len(CLASS_NAMES))
    return bits[mask]


def allowed_from_boxes(boxes: npt.NDArray[np.float32], size: tuple[int, int]) -> AllowedSet:
    """Turn (N, 5) YOLO boxes into bit sets of shape `size` (height, width).

    Outside all boxes of a class that class is forbidden. The core of a person's or car's box that no
    box of another class touches is that class.
    """
    height, width = size
    allowed = np.full(size, ALL_CLASSES & ~_BOXED, np.uint16)
    touching = np.zeros(size, np.uint16)
    for kind, *box in boxes:
        bit = 1 << BOX_CLASSES[int(kind)]
        touching[_window(box, (1.0, 1.0), height, width)] |= bit
    allowed |= touching
    for kind, *box in boxes:
        index = BOX_CLASSES[int(kind)]
        if index in _CORE:
            core = allowed[_window(box, _CORE[index], height, width)]
            # Overlapping boxes hide each other: where another class is possible, nothing is certain.
            core[(core & _BOXED) == 1 << index] = 1 << index
    return allowed


def _window(
    box: list[np.float32], share: tuple[float, float], height: int, width: int
) -> tuple[slice, slice]:
    x, y, w, h = (float(value) for value in box)
    half_w, half_h = w * share[0] / 2, h * share[1] / 2
    rows = slice(max(0, round((y - half_h) * height)), max(0, round((y + half_h) * height)))
    columns = slice(max(0, round((x - half_w) * width)), max(0, round((x + half_w) * width)))
    return rows, columns

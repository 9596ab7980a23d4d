"""Store for every pixel the set of classes that it may have, as bits.

This one form serves every kind of label: a labelled pixel allows one class, an ignored pixel allows all,
and a box allows its class inside and forbids it outside. The loss then drives the summed probability of the
allowed
classes towards one (partial-label likelihood, Cour et al., JMLR 2011).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import CLASS_NAMES, IGNORE
from training.data.boxes import BOX_CLASSES, Boxes, box_window, is_found

AllowedSet = npt.NDArray[np.uint16]

ALL_CLASSES = (1 << len(CLASS_NAMES)) - 1
_PERSON, _BIKE, _CAR = BOX_CLASSES
_BOXED = sum(1 << index for index in BOX_CLASSES)
# The central share of a box's width and height that its class fills in at least nine of ten labelled boxes.
_CORE = {_PERSON: (0.3, 0.6), _BIKE: (0.3, 0.4), _CAR: (0.7, 0.6)}


def allowed_from_mask(mask: npt.NDArray[np.uint8]) -> AllowedSet:
    """Turn a class-index mask into bit sets; 255 allows all."""
    bits = np.full(256, ALL_CLASSES, np.uint16)
    bits[: len(CLASS_NAMES)] = 1 << np.arange(len(CLASS_NAMES))
    return bits[mask]


def forbid(allowed: AllowedSet, absent: Collection[str]) -> AllowedSet:
    """Return bit sets without the `absent` classes, by name, which the frame does not show.

    A pixel that allowed nothing else may then be any of the rest.
    """
    rest = np.uint16(ALL_CLASSES & ~sum(1 << CLASS_NAMES.index(name) for name in set(absent)))
    kept = allowed & rest
    return np.where(kept > 0, kept, rest)


def certain_things(allowed: AllowedSet) -> list[int]:
    """Return the bits of the classes, background apart, that are some pixel's only choice."""
    return [int(bit) for bit in np.unique(allowed) if bit > 1 and int(bit).bit_count() == 1]


def allowed_from_boxes(boxes: Boxes, size: tuple[int, int]) -> AllowedSet:
    """Turn (N, 5) YOLO boxes into bit sets of shape `size` (height, width).

    A class is forbidden outside all of its boxes. The core of a box has the box's class, unless a box of
    another class touches it.
    """
    allowed = np.full(size, ALL_CLASSES & ~_BOXED, np.uint16)
    touching = np.zeros(size, np.uint16)
    for kind, *box in boxes:
        bit = 1 << BOX_CLASSES[int(kind)]
        touching[box_window(box, size)] |= bit
    allowed |= touching
    for kind, *box in boxes:
        index = BOX_CLASSES[int(kind)]
        core = allowed[box_window(box, size, _CORE[index])]
        # Overlapping boxes hide each other: where another class is possible, nothing is certain.
        core[(core & _BOXED) == 1 << index] = 1 << index
    return allowed


def allowed_from_mask_and_boxes(mask: npt.NDArray[np.uint8], boxes: Boxes) -> AllowedSet:
    """Combine a mask and boxes into bit sets.

    Boxes decide the pixels that the mask ignores. A box that the mask leaves nearly empty holds something
    small that the mask missed: there the box's class is allowed beside the mask's.
    """
    allowed = allowed_from_mask(mask)
    ignored = mask == IGNORE
    allowed[ignored] = allowed_from_boxes(boxes, (mask.shape[0], mask.shape[1]))[ignored]
    for kind, *box in boxes:
        index = BOX_CLASSES[int(kind)]
        if not is_found(mask, index, box):
            allowed[box_window(box, mask.shape)] |= 1 << index
    return allowed

"""Store for every pixel the set of classes that it may have, as the set's number.

This one form serves every kind of label: a labelled pixel allows one class, an ignored pixel allows all,
and a box allows its class inside and forbids it outside. The loss then drives the summed probability of the
allowed classes towards one (partial-label likelihood, Cour et al., JMLR 2011).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import IGNORE
from training.data.boxes import Boxes, box_window, is_found

Allowed = npt.NDArray[np.uint16]

# The central share of a box's width and height that its class fills in at least nine of ten labelled boxes.
_CORE = {"person": (0.3, 0.6), "bike": (0.3, 0.4), "car": (0.7, 0.6)}
_OTHER_CORE = (0.3, 0.4)


class ClassSets:
    """Number the sets of classes that pixels may have; a pixel stores one uint16.

    A class alone has its own index as number. New sets get numbers as they occur, in the order of loading.
    """

    def __init__(self, names: Sequence[str], sets: Iterable[Iterable[int]] = ()):
        self.names = tuple(names)
        self._sets: list[frozenset[int]] = []
        self._numbers: dict[frozenset[int], int] = {}
        for index in range(len(self.names)):
            self.number((index,))
        self.every = self.number(range(len(self.names)))
        for one in sets:
            self.number(one)

    def number(self, classes: Iterable[int]) -> int:
        """Return the number of a set of class indices."""
        found = frozenset(classes)
        if found not in self._numbers:
            self._numbers[found] = len(self._sets)
            self._sets.append(found)
        return self._numbers[found]

    def lists(self) -> list[list[int]]:
        """Return all sets in the order of their numbers, as plain data."""
        return [sorted(one) for one in self._sets]

    def changed(self, allowed: Allowed, change: Callable[[frozenset[int]], Iterable[int]]) -> Allowed:
        """Return `allowed` with every set replaced by what `change` makes of it."""
        table = np.zeros(len(self._sets), np.uint16)
        for number in np.unique(allowed):
            table[number] = self.number(change(self._sets[number]))
        return table[allowed]

    def halved(self, allowed: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Return the classes that each 2x2 pixels of (H, W) may have, (C, H/2, W/2): those of any of them."""
        table = np.zeros((len(self._sets), len(self.names)), bool)
        for number, one in enumerate(self._sets):
            table[number, list(one)] = True
        parts = [table[allowed[row::2, column::2]] for row in (0, 1) for column in (0, 1)]
        return np.ascontiguousarray(np.logical_or.reduce(parts).transpose(2, 0, 1))


def allowed_from_mask(mask: npt.NDArray[np.uint8], sets: ClassSets) -> Allowed:
    """Turn a class-index mask into numbers of sets; 255 allows all."""
    numbers = np.full(256, sets.every, np.uint16)
    numbers[: len(sets.names)] = np.arange(len(sets.names))
    numbers[IGNORE] = sets.every
    return numbers[mask]


def forbid(allowed: Allowed, absent: Collection[str], sets: ClassSets) -> Allowed:
    """Return sets without the `absent` classes, by name, which the frame does not show.

    A pixel that allowed nothing else may then be any of the rest. Raises ValueError for an unknown name.
    """
    if unknown := [name for name in absent if name not in sets.names]:
        raise ValueError(f"absent: {', '.join(unknown)}: expected some of {', '.join(sets.names)}")
    rest = {index for index, name in enumerate(sets.names) if name not in absent}
    return sets.changed(allowed, lambda one: one & rest or rest)


def certain_things(allowed: Allowed, sets: ClassSets) -> list[int]:
    """Return the classes, background apart, that are some pixel's only choice."""
    return [int(number) for number in np.unique(allowed) if 0 < number < len(sets.names)]


def allowed_from_boxes(boxes: Boxes, size: tuple[int, int], sets: ClassSets) -> Allowed:
    """Turn boxes into sets of shape `size` (height, width).

    A boxed class is forbidden outside all of its boxes. The core of a box has the box's class, unless a box
    of another class touches it. In ignored boxes every class is allowed.
    """
    free = frozenset(range(len(sets.names))) - boxes.boxed
    allowed = np.full(size, sets.number(free), np.uint16)
    for index, box in boxes:
        _allow(allowed[box_window(box, size)], index, sets)
    for index, box in boxes:
        core = allowed[box_window(box, size, _CORE.get(sets.names[index], _OTHER_CORE))]
        # Overlapping boxes hide each other: where another class is possible, nothing is certain.
        core[core == sets.number(free | {index})] = index
    for box in boxes.ignored:
        allowed[box_window(box, size)] = sets.every
    return allowed


def allowed_from_mask_and_boxes(mask: npt.NDArray[np.uint8], boxes: Boxes, sets: ClassSets) -> Allowed:
    """Combine a mask and boxes into sets.

    Boxes decide the pixels that the mask ignores. A box that the mask leaves nearly empty holds something
    small that the mask missed: there the box's class is allowed beside the mask's.
    """
    allowed = allowed_from_mask(mask, sets)
    ignored = mask == IGNORE
    allowed[ignored] = allowed_from_boxes(boxes, (mask.shape[0], mask.shape[1]), sets)[ignored]
    for index, box in boxes:
        if not is_found(mask, index, box):
            _allow(allowed[box_window(box, mask.shape)], index, sets)
    return allowed


def _allow(part: Allowed, index: int, sets: ClassSets) -> None:
    """Allow one more class in a part of a picture."""
    part[...] = sets.changed(part, lambda one: one | {index})

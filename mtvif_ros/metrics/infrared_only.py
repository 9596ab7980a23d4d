"""Measure how far persons whom infrared alone shows stand out in a fused image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import CLASS_NAMES

Plane = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]
Where = npt.NDArray[np.bool_]

_PERSON = CLASS_NAMES.index("person")
_LEAST_PIXELS = 30
_SEEN = 25.0  # grey levels by which infrared must show a person,
_NOT_SEEN = 12.0  # and the visible frame must not


class Person(NamedTuple):
    """Hold where a person is, without the outline, and what is around them, (H, W) each."""

    inside: Where
    around: Where


def hidden_persons(visible: Plane, infrared: Plane, labels: Mask) -> Iterator[Person]:
    """Give every labelled person whom infrared shows, by more than 25 grey levels, and the visible frame does
    not: by less than 12 either way.

    Planes are (H, W) in 0..255, `labels` (H, W) class indices. Persons that touch count as one; those of
    fewer than 30 pixels without their outline are left out.
    """
    for person in _persons(labels):
        if standing_out(infrared, person) > _SEEN and abs(standing_out(visible, person)) < _NOT_SEEN:
            yield person


def standing_out(plane: Plane, person: Person) -> float:
    """Return how many grey levels brighter a person is than what is around them, in the mean."""
    return float(plane[person.inside].mean() - plane[person.around].mean())


class HiddenPersons:
    """Collect over many frames how far hidden persons stand out, by method."""

    def __init__(self) -> None:
        self._by: dict[str, list[float]] = {}

    def add(self, visible: Plane, infrared: Plane, labels: Mask, planes: Mapping[str, Plane]) -> None:
        """Measure one frame's persons in infrared and in `planes` by name."""
        seen = {"infrared": infrared, **planes}
        for person in hidden_persons(visible, infrared, labels):
            for name, plane in seen.items():
                self._by.setdefault(name, []).append(standing_out(plane, person))

    def summary(self) -> dict[str, Any] | None:
        """Return their number `persons` and `standing_out`, the mean by name; None without any."""
        if not self._by:
            return None
        means = {name: float(np.mean(values)) for name, values in self._by.items()}
        return {"persons": len(self._by["infrared"]), "standing_out": means}


def _persons(labels: Mask) -> Iterator[Person]:
    persons = (labels == _PERSON).astype(np.uint8)
    # Neither a person nor a pixel beside one, which may be mixed.
    free = cv2.dilate(persons, np.ones((5, 5))) == 0
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(persons)
    for part in range(1, count):
        whole = (parts == part).astype(np.uint8)
        inside = cv2.erode(whole, np.ones((3, 3))) > 0
        reach = max(5, int(boxes[part, cv2.CC_STAT_WIDTH]) // 2)
        around = (cv2.dilate(whole, np.ones((2 * reach + 1,) * 2)) > 0) & free
        if inside.sum() >= _LEAST_PIXELS and around.any():
            yield Person(inside, around)

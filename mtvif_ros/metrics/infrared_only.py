"""Measure how clearly a fused image shows persons whom only infrared sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.metrics.fusion import Plane

Where = npt.NDArray[np.bool_]

_LEAST_PIXELS = 30
_SEEN = 25.0  # least contrast in infrared, in grey levels
_NOT_SEEN = 12.0  # largest contrast in the visible frame, in grey levels


class Person(NamedTuple):
    """Hold the pixels of a person without the outline and those around the person, (H, W) each."""

    inside: Where
    around: Where


def hidden_persons(visible: Plane, infrared: Plane, labelled: Where) -> Iterator[Person]:
    """Yield every labelled person whom infrared shows and the visible frame does not.

    Infrared shows a person who is more than 25 grey levels brighter than the surroundings; the visible frame
    does not if the difference is below 12 either way. Planes are (H, W) in 0..255, `labelled` (H, W) says
    which pixels show persons. Touching persons count as one. Persons of fewer than 30 pixels without the
    outline do not count.
    """
    for person in _persons(labelled):
        if standing_out(infrared, person) > _SEEN and abs(standing_out(visible, person)) < _NOT_SEEN:
            yield person


def standing_out(plane: Plane, person: Person) -> float:
    """Return the mean of a person minus the mean of the surroundings, in grey levels."""
    return float(plane[person.inside].mean() - plane[person.around].mean())


class HiddenPersons:
    """Collect the contrast of hidden persons over many frames, by method."""

    def __init__(self) -> None:
        self._by: dict[str, list[float]] = {}

    def add(self, visible: Plane, infrared: Plane, labelled: Where, planes: Mapping[str, Plane]) -> None:
        """Measure the hidden persons of one frame in infrared and in each of `planes`."""
        seen = {"infrared": infrared, **planes}
        for person in hidden_persons(visible, infrared, labelled):
            for name, plane in seen.items():
                self._by.setdefault(name, []).append(standing_out(plane, person))

    def summary(self) -> dict[str, Any] | None:
        """Return the number of `persons` and the mean `standing_out` by name; None without persons."""
        if not self._by:
            return None
        means = {name: float(np.mean(values)) for name, values in self._by.items()}
        return {"persons": len(self._by["infrared"]), "standing_out": means}


def _persons(labelled: Where) -> Iterator[Person]:
    persons = labelled.astype(np.uint8)
    # Pixels beside a person may be mixed.
    free = cv2.dilate(persons, np.ones((5, 5))) == 0
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(persons)
    for part in range(1, count):
        whole = (parts == part).astype(np.uint8)
        inside = cv2.erode(whole, np.ones((3, 3))) > 0
        reach = max(5, int(boxes[part, cv2.CC_STAT_WIDTH]) // 2)
        around = (cv2.dilate(whole, np.ones((2 * reach + 1,) * 2)) > 0) & free
        if inside.sum() >= _LEAST_PIXELS and around.any():
            yield Person(inside, around)

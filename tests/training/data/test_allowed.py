from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from mtvif_ros.classes import STREET_NAMES
from tests.training import tiny
from training.data.allowed import (
    ClassSets,
    allowed_from_boxes,
    allowed_from_mask,
    allowed_from_mask_and_boxes,
    certain_things,
    forbid,
)

PERSON, BIKE, CAR = (STREET_NAMES.index(name) for name in ("person", "bike", "car"))
ALL = set(range(len(STREET_NAMES)))
CAR_BOX = ("car", 0.5, 0.5, 0.4, 0.4)


@pytest.fixture
def sets() -> ClassSets:
    return tiny.street_sets()


def at(allowed: npt.NDArray[np.uint16], place: tuple[int, int], sets: ClassSets) -> set[int]:
    return set(sets.lists()[allowed[place]])


def test_a_label_allows_its_class_and_ignore_allows_all(sets: ClassSets) -> None:
    allowed = allowed_from_mask(np.array([[0, 2, 255]], np.uint8), sets)
    assert [at(allowed, (0, column), sets) for column in range(3)] == [{0}, {PERSON}, ALL]


def test_a_class_that_nobody_saw_is_allowed_nowhere(sets: ClassSets) -> None:
    allowed = forbid(allowed_from_mask(np.array([[0, 1, 2, 255]], np.uint8), sets), ["car"], sets)
    without = ALL - {CAR}
    assert [at(allowed, (0, column), sets) for column in range(4)] == [{0}, without, {PERSON}, without]
    assert allowed.dtype == np.uint16
    with pytest.raises(ValueError, match=r"^absent: lorry: expected some of background, car"):
        forbid(allowed, ["lorry"], sets)


def test_a_class_is_forbidden_outside_its_boxes(sets: ClassSets) -> None:
    allowed = allowed_from_boxes(tiny.boxes(CAR_BOX), (100, 100), sets)
    assert at(allowed, (5, 5), sets) == ALL - {PERSON, BIKE, CAR}
    assert at(allowed, (31, 31), sets) == ALL - {PERSON, BIKE}


def test_the_core_of_a_car_is_car(sets: ClassSets) -> None:
    allowed = allowed_from_boxes(tiny.boxes(CAR_BOX), (100, 100), sets)
    assert at(allowed, (50, 50), sets) == {CAR}


def test_nothing_is_certain_where_boxes_of_two_classes_meet(sets: ClassSets) -> None:
    boxes = tiny.boxes(("person", 0.5, 0.5, 0.2, 0.8), ("car", 0.5, 0.5, 0.6, 0.6))
    assert at(allowed_from_boxes(boxes, (100, 100), sets), (50, 50), sets) >= {PERSON, CAR}


def test_an_ignored_box_allows_everything(sets: ClassSets) -> None:
    boxes = replace(tiny.boxes(CAR_BOX), ignored=((0.2, 0.2, 0.2, 0.2),))
    allowed = allowed_from_boxes(boxes, (100, 100), sets)
    assert at(allowed, (20, 20), sets) == ALL and at(allowed, (50, 50), sets) == {CAR}
    mask = np.full((100, 100), 255, np.uint8)
    mask[:20] = 2
    allowed = allowed_from_mask_and_boxes(mask, boxes, sets)
    assert at(allowed, (15, 20), sets) == {PERSON} and at(allowed, (25, 20), sets) == ALL


def test_ignored_pixels_of_a_mask_get_what_boxes_say(sets: ClassSets) -> None:
    mask = np.full((100, 100), 255, np.uint8)
    mask[:50] = 2
    boxes = tiny.boxes(("person", 0.5, 0.25, 1, 0.5), ("car", 0.5, 0.75, 0.4, 0.4))
    allowed = allowed_from_mask_and_boxes(mask, boxes, sets)
    assert at(allowed, (10, 10), sets) == {PERSON}
    assert at(allowed, (75, 50), sets) == {CAR}
    assert not at(allowed, (95, 5), sets) & {PERSON, BIKE, CAR}


def test_a_box_that_a_mask_overlooks_leaves_its_class_open(sets: ClassSets) -> None:
    boxes = tiny.boxes(("person", 0.5, 0.5, 0.1, 0.2))
    allowed = allowed_from_mask_and_boxes(np.zeros((100, 100), np.uint8), boxes, sets)
    assert at(allowed, (50, 50), sets) == {0, PERSON}
    assert at(allowed, (5, 5), sets) == {0}


def test_four_pixels_together_may_be_what_any_of_them_may_be(sets: ClassSets) -> None:
    either = sets.number({3, 5})
    halves = sets.halved(np.array([[1, 1, 0, 2], [1, 1, 0, either], [sets.every, 0, 4, 4], [0, 0, 4, 4]]))
    assert halves.shape == (9, 2, 2) and halves.dtype == bool
    found = [set(np.flatnonzero(halves[:, row, column])) for row in (0, 1) for column in (0, 1)]
    assert found == [{1}, {0, 2, 3, 5}, ALL, {4}]


def test_sets_keep_their_numbers_when_they_are_stored(sets: ClassSets) -> None:
    number = sets.number({7, 2})
    again = ClassSets(sets.names, sets.lists())
    assert again.number({2, 7}) == number and again.lists() == sets.lists()


@pytest.mark.parametrize("count", [2, 255])
def test_there_may_be_from_two_to_255_classes(count: int) -> None:
    sets = ClassSets([f"class {index}" for index in range(count)])
    mask = np.array([[0, count - 1, 255, 255]], np.uint8)
    allowed = allowed_from_mask(mask, sets)
    assert at(allowed, (0, 1), sets) == {count - 1} and len(at(allowed, (0, 2), sets)) == count
    assert certain_things(allowed, sets) == [count - 1]

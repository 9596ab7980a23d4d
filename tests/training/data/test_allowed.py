import numpy as np

from mtvif_ros.classes import CLASS_NAMES
from training.data.allowed import (
    ALL_CLASSES,
    allowed_from_boxes,
    allowed_from_mask,
    allowed_from_mask_and_boxes,
    forbid,
)

PERSON, BIKE, CAR = (1 << CLASS_NAMES.index(name) for name in ("person", "bike", "car"))


def test_a_label_allows_its_class_and_ignore_allows_all() -> None:
    allowed = allowed_from_mask(np.array([[0, 2, 255]], np.uint8))
    assert allowed.tolist() == [[1, PERSON, ALL_CLASSES]]


def test_a_class_that_nobody_saw_is_allowed_nowhere() -> None:
    allowed = forbid(allowed_from_mask(np.array([[0, 1, 2, 255]], np.uint8)), ["car"])
    assert allowed.tolist() == [[1, ALL_CLASSES & ~CAR, PERSON, ALL_CLASSES & ~CAR]]
    assert allowed.dtype == np.uint16


def test_a_class_is_forbidden_outside_its_boxes() -> None:
    allowed = allowed_from_boxes(np.array([[2, 0.5, 0.5, 0.4, 0.4]], np.float32), (100, 100))
    assert not allowed[5, 5] & (PERSON | BIKE | CAR)
    assert allowed[5, 5] & 1
    assert allowed[31, 31] == ALL_CLASSES & ~PERSON & ~BIKE


def test_the_core_of_a_car_is_car() -> None:
    allowed = allowed_from_boxes(np.array([[2, 0.5, 0.5, 0.4, 0.4]], np.float32), (100, 100))
    assert allowed[50, 50] == CAR


def test_nothing_is_certain_where_boxes_of_two_classes_meet() -> None:
    boxes = np.array([[0, 0.5, 0.5, 0.2, 0.8], [2, 0.5, 0.5, 0.6, 0.6]], np.float32)
    assert allowed_from_boxes(boxes, (100, 100))[50, 50] & (PERSON | CAR) == PERSON | CAR


def test_ignored_pixels_of_a_mask_get_what_boxes_say() -> None:
    mask = np.full((100, 100), 255, np.uint8)
    mask[:50] = 2
    boxes = np.array([[0, 0.5, 0.25, 1, 0.5], [2, 0.5, 0.75, 0.4, 0.4]], np.float32)
    allowed = allowed_from_mask_and_boxes(mask, boxes)
    assert allowed[10, 10] == PERSON
    assert allowed[75, 50] == CAR
    assert not allowed[95, 5] & (PERSON | BIKE | CAR)


def test_a_box_that_a_mask_overlooks_leaves_its_class_open() -> None:
    mask = np.zeros((100, 100), np.uint8)
    boxes = np.array([[0, 0.5, 0.5, 0.1, 0.2]], np.float32)
    allowed = allowed_from_mask_and_boxes(mask, boxes)
    assert allowed[50, 50] == 1 | PERSON
    assert allowed[5, 5] == 1

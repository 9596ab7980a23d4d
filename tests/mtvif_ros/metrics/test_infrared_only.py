from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mtvif_ros.metrics.infrared_only import HiddenPersons, hidden_persons, standing_out

Frame = npt.NDArray[Any]

WHERE = (slice(20, 50), slice(30, 42))


def flat(level: float, person: float) -> Frame:
    plane = np.full((80, 100), level)
    plane[WHERE] = person
    return plane


@pytest.fixture
def labels() -> Frame:
    return flat(0, 1) > 0


def test_a_person_is_hidden_when_infrared_shows_them_and_the_visible_frame_does_not(labels: Frame) -> None:
    smoke, warm = flat(170, 175), flat(80, 160)
    (person,) = hidden_persons(smoke, warm, labels)
    assert standing_out(warm, person) == 80 and standing_out(smoke, person) == 5
    assert not list(hidden_persons(flat(170, 120), warm, labels))  # seen by daylight
    assert not list(hidden_persons(smoke, flat(80, 100), labels))  # cold


def test_the_outline_and_other_persons_do_not_count(labels: Frame) -> None:
    warm, smoke = flat(80, 160), flat(170, 170)
    persons = labels.astype(np.uint8)
    outline = cv2.dilate(persons, np.ones((5, 5))) - cv2.erode(persons, np.ones((3, 3)))
    warm[outline > 0] = 255
    neighbour = (slice(20, 50), slice(46, 58))
    labels[neighbour], warm[neighbour] = True, 160
    assert [standing_out(warm, person) for person in hidden_persons(smoke, warm, labels)] == [80, 80]


def test_the_mean_of_all_frames_is_given_by_method(labels: Frame) -> None:
    hidden = HiddenPersons()
    assert hidden.summary() is None
    for heat in (160, 180):
        smoke, warm = flat(170, 170), flat(80, heat)
        hidden.add(smoke, warm, labels, {"max": np.maximum(smoke, warm)})
    hidden.add(flat(170, 100), flat(80, 160), labels, {"max": flat(170, 160)})  # not hidden
    assert hidden.summary() == {
        "persons": 2,
        "standing_out": {"infrared": 90.0, "max": 5.0},
    }

import numpy as np
import pytest

from mtvif_ros.classes import STREET_NAMES
from tests.training import tiny
from training.scoring.box_agreement import BoxAgreement

PERSON = STREET_NAMES.index("person")


def test_found_boxes_and_pixels_inside_by_hand() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[20:40, 20:40] = PERSON  # fills the first box by a quarter
    mask[80:90, 80:90] = PERSON  # outside every box
    agreement = BoxAgreement(STREET_NAMES)
    agreement.add(mask, tiny.boxes(("person", 0.4, 0.4, 0.4, 0.4), ("person", 0.1, 0.9, 0.1, 0.1)))
    shares = agreement.shares()
    assert shares is not None
    assert shares["person"]["found"] == 0.5
    assert shares["person"]["inside"] == pytest.approx(400 / 500)
    assert shares["car"] == {"found": None, "inside": None}


def test_without_boxes_there_is_nothing_to_say() -> None:
    assert BoxAgreement(STREET_NAMES).shares() is None

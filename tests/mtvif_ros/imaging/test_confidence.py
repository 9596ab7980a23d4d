import numpy as np
import pytest

from mtvif_ros.classes import IGNORE
from mtvif_ros.imaging.confidence import ignore_uncertain


@pytest.mark.parametrize(("least", "kept"), [(0.0, 4), (0.2, 3), (0.5, 2), (1.0, 1)])
def test_what_is_less_certain_counts_for_nothing(least: float, kept: int) -> None:
    mask, confidence = np.array([[0, 1, 2, 3]], np.uint8), np.array([[50, 51, 128, 255]], np.uint8)
    expected = np.where(np.arange(4) < 4 - kept, IGNORE, mask)
    assert np.array_equal(ignore_uncertain(mask, confidence, least), expected)
    assert mask.tolist() == [[0, 1, 2, 3]]

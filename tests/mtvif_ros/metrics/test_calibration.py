import numpy as np
import pytest

from mtvif_ros.image import Image
from mtvif_ros.metrics.calibration import calibration_error, count_by_confidence


def image(*values: int) -> Image:
    return np.array([values], np.uint8)


def test_pixels_are_counted_by_right_and_confidence_and_ignored_ones_are_not() -> None:
    labels, mask = image(1, 1, 2, 255), image(1, 0, 2, 3)
    counts = count_by_confidence(labels, mask, image(255, 51, 255, 9))
    assert counts.sum() == 3
    assert (counts[1, 255], counts[0, 51]) == (2, 1)


def test_confidence_that_comes_true_has_no_error(rng: np.random.Generator) -> None:
    confidence = rng.integers(100, 256, (200, 500)).astype(np.uint8)
    is_right = rng.random(confidence.shape) < confidence / 255
    counts = count_by_confidence(np.ones_like(confidence), is_right.astype(np.uint8), confidence)
    assert calibration_error(counts) < 0.01


@pytest.mark.parametrize(("level", "right", "error"), [(255, 3, 0.25), (0, 3, 0.75), (51, 0, 0.2)])
def test_the_error_is_the_distance_between_confidence_and_the_share_of_right_pixels(
    level: int, right: int, error: float
) -> None:
    labels, mask = image(1, 1, 1, 1), image(*[1] * right, *[0] * (4 - right))
    counts = count_by_confidence(labels, mask, image(*[level] * 4))
    assert calibration_error(counts) == pytest.approx(error)


def test_errors_of_different_bins_do_not_cancel() -> None:
    """Half sure of what is always right, and quite sure of what is never."""
    counts = count_by_confidence(image(1, 0), image(1, 1), image(102, 153))
    assert calibration_error(counts) == pytest.approx(0.6)


def test_without_pixels_there_is_no_error_to_tell() -> None:
    assert np.isnan(calibration_error(np.zeros((2, 256), np.int64)))

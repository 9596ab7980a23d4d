import numpy as np
import pytest

from mtvif_ros.metrics.segmentation import confusion_matrix, iou_per_class, mean_iou


def test_iou_by_hand() -> None:
    labels = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
    given = np.array([[0, 1, 1], [1, 0, 2]], np.uint8)
    matrix = confusion_matrix(labels, given, 4)
    assert matrix.dtype == np.int64
    assert matrix.sum() == 5  # the ignored pixel does not count
    assert iou_per_class(matrix) == [1 / 3, 2 / 3, 0, None]  # nobody labelled the last class
    assert mean_iou(iou_per_class(matrix)) == pytest.approx(1 / 3)


def test_a_class_without_labels_has_no_iou_even_where_it_is_predicted() -> None:
    matrix = confusion_matrix(np.array([[0, 0]], np.uint8), np.array([[0, 1]], np.uint8), 2)
    assert iou_per_class(matrix) == [0.5, None]
    assert mean_iou([None, None]) is None


def test_pixels_without_a_class_do_not_count() -> None:
    """A node with `confidence.minimum` gives 255 where it is in doubt."""
    labels, given = np.array([[0, 1, 1]], np.uint8), np.array([[0, 1, 255]], np.uint8)
    np.testing.assert_array_equal(confusion_matrix(labels, given, 2), np.eye(2))


def test_values_beyond_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="predicted value 7"):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.full((2, 2), 7, np.uint8), 4)

"""Count which class was given for which, and score it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]


def confusion_matrix(labels: Mask, predicted: Mask, classes: int, ignore: int = 255) -> npt.NDArray[np.int64]:
    """Count pixels as an int64 matrix [label, predicted] of (classes, classes).

    Pixels whose label is `ignore` do not count. Raises ValueError when shapes differ or a value is
    neither a class nor, among labels, `ignore`.
    """
    if labels.shape != predicted.shape:
        raise ValueError(f"labels are {labels.shape}, the prediction is {predicted.shape}")
    known = labels != ignore
    of_label, of_predicted = labels[known], predicted[known]
    for name, values in (("label", of_label), ("predicted", of_predicted)):
        if values.size and values.max() >= classes:
            raise ValueError(f"{name} value {values.max()}: expected less than {classes}")
    index = of_label.astype(np.int64) * classes + of_predicted
    return np.bincount(index, minlength=classes * classes).reshape(classes, classes)


def iou_per_class(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return intersection over union of every class; NaN for classes neither labelled nor given."""
    hits = np.diag(matrix).astype(np.float64)
    union = matrix.sum(0) + matrix.sum(1) - hits
    return np.divide(hits, union, out=np.full_like(hits, np.nan), where=union > 0)

"""Score class masks against labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import IGNORE
from mtvif_ros.image import Image


def confusion_matrix(
    labels: Image, predicted: Image, classes: int, ignore: int = IGNORE
) -> npt.NDArray[np.int64]:
    """Count pixels by [label, predicted class] in an int64 matrix (classes, classes).

    `labels` and `predicted` are (H, W) class indices. Pixels that either of them ignores do not count. Raises
    ValueError if the shapes differ or a value is no class.
    """
    if labels.shape != predicted.shape:
        raise ValueError(f"labels have the shape {labels.shape}, the prediction has {predicted.shape}")
    known = (labels != ignore) & (predicted != ignore)
    of_label, of_predicted = labels[known], predicted[known]
    for name, values in (("label", of_label), ("predicted", of_predicted)):
        if values.size and values.max() >= classes:
            raise ValueError(f"{name} value {values.max()}: expected less than {classes}")
    index = of_label.astype(np.int64) * classes + of_predicted
    return np.bincount(index, minlength=classes * classes).reshape(classes, classes)


def iou_per_class(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the intersection over union of every class, NaN for one neither labelled nor predicted."""
    hits = np.diag(matrix).astype(np.float64)
    union = matrix.sum(0) + matrix.sum(1) - hits
    return np.divide(hits, union, out=np.full_like(hits, np.nan), where=union > 0)

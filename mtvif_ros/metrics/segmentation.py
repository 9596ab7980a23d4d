"""Score class masks against labels."""

from __future__ import annotations

from collections.abc import Iterable

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


def iou_per_class(matrix: npt.NDArray[np.int64]) -> list[float | None]:
    """Return the intersection over union of every class, None for a class that no label has."""
    labelled, hits = matrix.sum(1), np.diag(matrix)
    iou = hits / np.maximum(1, matrix.sum(0) + labelled - hits)
    return [float(value) if pixels else None for value, pixels in zip(iou, labelled)]


def mean_iou(ious: Iterable[float | None]) -> float | None:
    """Return mIoU, the mean over the classes that labels have; None without any."""
    known = [iou for iou in ious if iou is not None]
    return float(np.mean(known)) if known else None

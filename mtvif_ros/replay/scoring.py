"""Score the pictures and masks of a replay, pair by pair, in several processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mtvif_ros.metrics.fusion import fusion_metrics, luma, prepare
from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.metrics.segmentation import confusion_matrix
from mtvif_ros.parallel import in_processes

Matrix = npt.NDArray[np.int64]
METHODS = ("model", "max", "average", "visible only")


class Scored(NamedTuple):
    """Hold one pair's scores: fusion metrics by method and name, and the confusion matrix with labels."""

    stamp: int
    fusion: dict[str, dict[str, float]]
    confusion: Matrix | None


def score(shown: AnsweredPair, classes: int) -> Scored:
    """Score one pair; planes are rounded to grey levels, as training.evaluate rounds them."""
    visible, infrared = np.rint(luma(shown.rgb)), shown.ir.astype(np.float64)
    planes = {
        "model": np.rint(luma(shown.fused)),
        "max": np.maximum(visible, infrared),
        "average": (visible + infrared) / 2,
        "visible only": visible,
    }
    sources = prepare(visible), prepare(infrared)
    fusion = {name: fusion_metrics(plane, *sources) for name, plane in planes.items()}
    confusion = None
    if shown.labels is not None:
        confusion = confusion_matrix(shown.labels, shown.mask, classes)
    return Scored(shown.stamp, fusion, confusion)


def score_all(pairs: Iterable[AnsweredPair], classes: int, processes: int | None = None) -> Iterator[Scored]:
    """Score pairs in order, in as many processes as there are cores; few pairs are in memory at once."""
    return in_processes(partial(score, classes=classes), pairs, processes)

"""Score fused images and masks on labelled pairs, for validation and evaluation alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mtvif_ros.engines import Inference
from mtvif_ros.image import Image
from mtvif_ros.metrics.calibration import LEVELS, calibration_error, count_by_confidence
from mtvif_ros.metrics.fusion import METRICS, fusion_metrics, luma, prepare
from mtvif_ros.metrics.infrared_only import HiddenPersons
from mtvif_ros.metrics.segmentation import confusion_matrix, iou_per_class, mean_iou
from mtvif_ros.recordings.pair_folder import PairFiles, load_pair
from training.data.boxes import read_boxes
from training.data.pairs import load_labels
from training.scoring.box_agreement import BoxAgreement

_PERSON = "person"

Plane = npt.NDArray[np.float64]
Fuse = Callable[[PairFiles, Image, Image], Inference]
FusePlane = Callable[[PairFiles, Plane, Plane], Plane]


@dataclass(frozen=True)
class Scores:
    """Hold what methods score on pairs.

    fusion: the mean of every metric, by method. iou: by class, None for a class that no label has.
    miou: over the classes that labels have, None without labels. boxes: see BoxAgreement, None without boxes.
    hidden_persons: see HiddenPersons, None when infrared alone shows none. confusion: see confusion_matrix,
    None without labels. calibration_error: of the confidence, see there; None without labels or confidence.
    """

    fusion: dict[str, dict[str, float]]
    iou: dict[str, float | None]
    miou: float | None
    boxes: dict[str, dict[str, float | None]] | None
    hidden_persons: dict[str, Any] | None
    confusion: list[list[int]] | None = None
    calibration_error: float | None = None


def score_pairs(
    pairs: Iterable[PairFiles],
    fuse: Fuse,
    names: Sequence[str],
    others: Mapping[str, FusePlane] | None = None,
) -> Scores:
    """Run `fuse` on every pair and score it as the method `model`, beside the fused planes of `others`.

    `names` are the classes of its masks and of the labels.
    """
    scores: dict[str, list[dict[str, float]]] = {}
    matrix = np.zeros((len(names), len(names)), np.int64)
    certain = np.zeros((2, LEVELS), np.int64)
    boxes, hidden = BoxAgreement(names), HiddenPersons()
    for files in pairs:
        rgb, ir = load_pair(files)
        fused, mask, confidence = fuse(files, rgb, ir)
        labels = load_labels(files, ir, names)
        if labels is not None:
            matrix += confusion_matrix(labels, mask, len(names))
            if confidence is not None:
                certain += count_by_confidence(labels, mask, confidence)
        if (of_pair := read_boxes(files, names)) is not None:
            boxes.add(mask, of_pair)
        visible, infrared = np.rint(luma(rgb)), ir.astype(np.float64)
        planes = {"model": np.rint(luma(fused))}
        planes |= {name: other(files, visible, infrared) for name, other in (others or {}).items()}
        if labels is not None and _PERSON in names:
            hidden.add(visible, infrared, labels == names.index(_PERSON), planes)
        sources = prepare(visible), prepare(infrared)
        for name, plane in planes.items():
            scores.setdefault(name, []).append(fusion_metrics(plane, *sources))
    iou = dict(zip(names, iou_per_class(matrix)))
    return Scores(
        {name: means(of_pairs) for name, of_pairs in scores.items()},
        iou,
        mean_iou(iou.values()),
        boxes.shares(),
        hidden.summary(),
        matrix.tolist() if matrix.any() else None,
        calibration_error(certain) if certain.any() else None,
    )


def means(of_pairs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of every metric."""
    return {metric: float(np.mean([of_pair[metric] for of_pair in of_pairs])) for metric in METRICS}

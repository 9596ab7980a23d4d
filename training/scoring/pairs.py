"""Score fused images and masks of labelled pairs: what validation and evaluation share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.image import Image
from mtvif_ros.metrics.fusion import METRICS, fusion_metrics, luma, prepare
from mtvif_ros.metrics.infrared_only import HiddenPersons
from mtvif_ros.metrics.segmentation import confusion_matrix, iou_per_class
from mtvif_ros.recordings.pair_folder import PairFiles, load_mask, load_pair
from training.data.boxes import read_boxes
from training.scoring.box_agreement import BoxAgreement

Plane = npt.NDArray[np.float64]
Fuse = Callable[[PairFiles, Image, Image], tuple[Image, Image]]
FusePlane = Callable[[PairFiles, Plane, Plane], Plane]


def score_pairs(
    pairs: Iterable[PairFiles], fuse: Fuse, others: Mapping[str, FusePlane] | None = None
) -> dict[str, Any]:
    """Run `fuse` on every pair and return what it scores.

    `fuse` gives the fused image and the mask of a pair, `others` fused planes to compare with, by name.
    Returns `fusion`, the mean of every metric by method; `iou`, by class and None where a class is
    absent; `miou` over the classes present; `boxes`, see BoxAgreement, None without boxes;
    `hidden_persons`, see HiddenPersons, None without any.
    """
    scores: dict[str, list[dict[str, float]]] = {}
    matrix = np.zeros((len(CLASS_NAMES), len(CLASS_NAMES)), np.int64)
    boxes, hidden = BoxAgreement(), HiddenPersons()
    for files in pairs:
        rgb, ir = load_pair(files)
        fused, mask = fuse(files, rgb, ir)
        labels = load_mask(files, ir)
        if labels is not None:
            matrix += confusion_matrix(labels, mask, len(CLASS_NAMES))
        if files.boxes is not None:
            boxes.add(mask, read_boxes(files.boxes))
        visible, infrared = np.rint(luma(rgb)), ir.astype(np.float64)
        planes = {"model": np.rint(luma(fused))}
        planes |= {name: other(files, visible, infrared) for name, other in (others or {}).items()}
        if labels is not None:
            hidden.add(visible, infrared, labels, planes)
        sources = prepare(visible), prepare(infrared)
        for name, plane in planes.items():
            scores.setdefault(name, []).append(fusion_metrics(plane, *sources))
    iou = {
        name: None if not matrix[index].any() else float(value)
        for index, (name, value) in enumerate(zip(CLASS_NAMES, iou_per_class(matrix)))
    }
    known = [value for value in iou.values() if value is not None]
    return {
        "fusion": {
            name: {metric: float(np.mean([one[metric] for one in of])) for metric in METRICS}
            for name, of in scores.items()
        },
        "iou": iou,
        "miou": float(np.mean(known)) if known else None,
        "boxes": boxes.shares(),
        "hidden_persons": hidden.summary(),
    }

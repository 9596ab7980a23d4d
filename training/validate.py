"""Score a network on labelled pairs and draw what it gives."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from mtvif_ros.classes import CLASS_NAMES, IGNORE
from mtvif_ros.evaluation.confusion import confusion_matrix, iou_per_class
from mtvif_ros.pair_folder import PairFiles, load_mask, load_pair
from mtvif_ros.visualise import side_by_side
from training.model import MultiTaskVIF
from training.model.contract import ContractModel

Image = npt.NDArray[np.uint8]


@torch.no_grad()
def run_pair(network: MultiTaskVIF, rgb: Image, ir: Image) -> tuple[Image, Image]:
    """Return the fused image (H, W, 3) and the mask (H, W) as the model file would give them."""
    contract = ContractModel(network, *ir.shape[:2]).eval()
    fused, mask = contract(torch.from_numpy(rgb)[None], torch.from_numpy(ir)[None])
    return fused[0].numpy(), mask[0].numpy()


def validate(network: MultiTaskVIF, pairs: list[PairFiles], pictures: Path | None) -> dict[str, float]:
    """Return IoU by class name over all `pairs` that have a mask; NaN for absent classes.

    With `pictures` a folder, every pair is drawn there: visible, infrared, fused and mask.
    """
    was_training = network.training
    network.eval()
    matrix = np.zeros((len(CLASS_NAMES), len(CLASS_NAMES)), np.int64)
    for files in pairs:
        rgb, ir = load_pair(files)
        fused, mask = run_pair(network, rgb, ir)
        labels = load_mask(files, ir)
        if labels is not None:
            matrix += confusion_matrix(labels, mask, len(CLASS_NAMES), IGNORE)
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            row = side_by_side(rgb, ir, fused, mask)
            cv2.imwrite(str(pictures / f"{files.name}.jpg"), cv2.cvtColor(row, cv2.COLOR_RGB2BGR))
    network.train(was_training)
    return dict(zip(CLASS_NAMES, iou_per_class(matrix).tolist()))

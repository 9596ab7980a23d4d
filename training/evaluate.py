"""Score a model file on labelled pairs, beside simple fusions and peers.

python -m training.evaluate --model models/mtvif.onnx --data FOLDER --peer SeAFusion=FOLDER/peer_seafusion
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.command_line import command_parser
from mtvif_ros.engines import BACKENDS, load_engine
from mtvif_ros.evaluation.confusion import confusion_matrix, iou_per_class
from mtvif_ros.evaluation.metrics import METRICS, fusion_metrics, luma
from mtvif_ros.pair_folder import PairFiles, find_pairs, load_mask, load_pair
from mtvif_ros.pipeline import fuse_pair

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]

BASELINES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "max": lambda visible, infrared: np.maximum(visible, infrared),
    "average": lambda visible, infrared: (visible + infrared) / 2,
    "visible only": lambda visible, infrared: visible,
}


def evaluate(model: Path, backend: str, pairs: Sequence[PairFiles], peers: dict[str, Path]) -> dict[str, Any]:
    """Return `fusion`, the mean of every metric by method, and `iou` by class (None where absent).

    `peers` are folders of fused images under the pairs' names. Raises FileNotFoundError when one
    lacks an image and what load_engine and load_pair raise.
    """
    engine = load_engine(model, backend)
    scores: dict[str, list[dict[str, float]]] = {}
    matrix = np.zeros((len(CLASS_NAMES), len(CLASS_NAMES)), np.int64)
    for files in tqdm(pairs, unit="pair"):
        rgb, ir = load_pair(files)
        fused, mask = fuse_pair(engine, rgb, ir)
        labels = load_mask(files, ir)
        if labels is not None:
            matrix += confusion_matrix(labels, mask, len(CLASS_NAMES))
        visible, infrared = np.rint(luma(rgb)), ir.astype(np.float64)
        planes = {"model": np.rint(luma(fused))}
        planes |= {name: _peer_luma(folder, files.name) for name, folder in peers.items()}
        planes |= {name: fuse(visible, infrared) for name, fuse in BASELINES.items()}
        for name, plane in planes.items():
            scores.setdefault(name, []).append(fusion_metrics(plane, visible, infrared))
    iou = iou_per_class(matrix)
    return {
        "model": str(model),
        "engine": engine.description,
        "pairs": len(pairs),
        "fusion": {
            name: {metric: float(np.mean([one[metric] for one in of])) for metric in METRICS}
            for name, of in scores.items()
        },
        "iou": {
            name: None if np.isnan(value) or not matrix[index].any() else float(value)
            for index, (name, value) in enumerate(zip(CLASS_NAMES, iou))
        },
    }


def format_report(result: dict[str, Any]) -> str:
    """Return the result as two markdown tables; the best of each metric is bold."""
    best = {metric: max(of[metric] for of in result["fusion"].values()) for metric in METRICS}
    lines = ["| fusion | " + " | ".join(METRICS) + " |", "| --- " * (len(METRICS) + 1) + "|"]
    for name, of in result["fusion"].items():
        cells = [
            f"**{of[metric]:.3f}**" if of[metric] == best[metric] else f"{of[metric]:.3f}"
            for metric in METRICS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    known = {name: value for name, value in result["iou"].items() if value is not None}
    if known:
        lines += ["", "| IoU | " + " | ".join(known) + " |", "| --- " * (len(known) + 1) + "|"]
        lines.append("| model | " + " | ".join(f"{value:.3f}" for value in known.values()) + " |")
    return "\n".join(lines)


def _peer_luma(folder: Path, name: str) -> Plane:
    found = next(folder.glob(f"{name}.*"), None)
    if found is None:
        raise FileNotFoundError(f"{folder}: has no image {name}.*")
    bgr = cv2.imread(str(found), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{found}: not an image that OpenCV can decode")
    return np.rint(luma(np.asarray(bgr[..., ::-1], np.uint8)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.evaluate", __doc__)
    parser.add_argument("--model", type=Path, required=True, help="model file")
    parser.add_argument("--data", type=Path, required=True, help="folder with vi/, ir/, labels/")
    parser.add_argument("--backend", default="auto", choices=("auto", *BACKENDS))
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    options = parser.parse_args(arguments)
    peers = {name: Path(folder) for name, folder in (peer.split("=", 1) for peer in options.peer)}
    result = evaluate(options.model, options.backend, find_pairs(options.data), peers)
    print(format_report(result))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

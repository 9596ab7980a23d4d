"""Score a model file on labelled pairs, beside simple fusions and peers.

python -m training.evaluate --model models/mtvif.onnx --data FOLDER --peer SeAFusion=FOLDER/peer_seafusion
python -m training.evaluate --model models/mtvif.onnx --rendered 60     exact labels, seeds of its own
python -m training.evaluate --model models/mtvif.onnx --rendered 48 --smoke 0.8 --time day
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from mtvif_ros.command_line import command_parser, told_plainly, whole_number
from mtvif_ros.engines import BACKENDS, load_engine
from mtvif_ros.imaging.fuse import fuse_pair
from mtvif_ros.metrics.fusion import METRICS, luma
from mtvif_ros.recordings.pair_folder import PairFiles, find_pairs
from training.data.rendered import ALL_TIMES, write_rendered_pairs
from training.scoring.pairs import FusePlane, Image, Plane, score_pairs

_HELD_OUT_SEED = 9  # no config trains on it

BASELINES: dict[str, FusePlane] = {
    "max": lambda files, visible, infrared: np.maximum(visible, infrared),
    "average": lambda files, visible, infrared: (visible + infrared) / 2,
    "visible only": lambda files, visible, infrared: visible,
}


def evaluate(model: Path, backend: str, pairs: Sequence[PairFiles], peers: dict[str, Path]) -> dict[str, Any]:
    """Return the scores of score_pairs, of the model and of what it is compared with.

    `peers` are folders of fused images under the pairs' names. Raises FileNotFoundError, before anything is
    scored, when one lacks images and what load_engine and load_pair raise.
    """
    others = {name: _peer(folder, pairs) for name, folder in peers.items()} | BASELINES
    engine = load_engine(model, backend)

    def fuse(files: PairFiles, rgb: Image, ir: Image) -> tuple[Image, Image]:
        return fuse_pair(engine, rgb, ir)

    scores = score_pairs(tqdm(pairs, unit="pair"), fuse, others)
    return {"model": str(model), "engine": engine.description, "pairs": len(pairs), **scores}


def format_report(result: dict[str, Any]) -> str:
    """Return the result as markdown tables; the best of each metric is bold."""
    best = {metric: max(of[metric] for of in result["fusion"].values()) for metric in METRICS}
    lines = _head("fusion", METRICS)
    for name, of in result["fusion"].items():
        cells = [
            f"**{of[metric]:.3f}**" if of[metric] == best[metric] else f"{of[metric]:.3f}"
            for metric in METRICS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    known = {name: value for name, value in result["iou"].items() if value is not None}
    if known:
        lines += ["", *_head("IoU", [*known, "mean"])]
        cells = [f"{value:.3f}" for value in (*known.values(), result["miou"])]
        lines.append("| model | " + " | ".join(cells) + " |")
    if result["boxes"]:
        lines += ["", *_head("people's boxes", result["boxes"])]
        for share, meaning in (("found", "a quarter filled"), ("inside", "pixels inside")):
            values = [of[share] for of in result["boxes"].values()]
            cells = ["-" if value is None else f"{value:.3f}" for value in values]
            lines.append(f"| {meaning} | " + " | ".join(cells) + " |")
    if hidden := result["hidden_persons"]:
        means = hidden["standing_out"]
        lines += ["", *_head(f"{hidden['persons']} persons whom infrared alone shows", means)]
        lines.append("| stand out by | " + " | ".join(f"{mean:.1f}" for mean in means.values()) + " |")
    return "\n".join(lines)


def _head(first: str, names: Sequence[str] | dict[str, Any]) -> list[str]:
    return [f"| {first} | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]


def _peer(folder: Path, pairs: Sequence[PairFiles]) -> FusePlane:
    images = {path.stem: path for path in folder.glob("*.*")}
    if missing := [files.name for files in pairs if files.name not in images]:
        raise FileNotFoundError(f"{folder}: has no image for {len(missing)} pairs: {', '.join(missing)}")

    def read(files: PairFiles, visible: Plane, infrared: Plane) -> Plane:
        found = images[files.name]
        bgr: npt.NDArray[Any] | None = cv2.imread(str(found), cv2.IMREAD_COLOR)
        if bgr is None:
            raise ValueError(f"{found}: not an image that OpenCV can decode")
        return np.rint(luma(np.asarray(bgr[..., ::-1], np.uint8)))

    return read


def _read_peer(text: str) -> tuple[str, Path]:
    name, separator, folder = text.partition("=")
    if not (name and separator and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER, such as SeAFusion=fused")
    return name, Path(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.evaluate", __doc__)
    parser.add_argument("--model", type=Path, required=True, help="model file")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder with vi/, ir/ and perhaps labels/, boxes/")
    source.add_argument(
        "--rendered", type=whole_number(1), metavar="N", help="N rendered frames with exact labels"
    )
    parser.add_argument("--smoke", type=float, default=0.0, help="its density in the rendered frames, 0..1")
    parser.add_argument("--time", choices=ALL_TIMES, help="of the rendered frames; default all in turn")
    parser.add_argument("--backend", default="auto", choices=("auto", *BACKENDS))
    parser.add_argument("--peer", type=_read_peer, action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    options = parser.parse_args(arguments)
    for name in ("smoke", "time"):
        if getattr(options, name) and not options.rendered:
            parser.error(f"--{name} is for --rendered frames; those of --data stay as they are")
    if not 0 <= options.smoke <= 1:
        parser.error(f"--smoke: {options.smoke} is no density; use 0 to 1")
    with TemporaryDirectory() as folder, told_plainly(parser):
        if options.rendered:
            times = [options.time] if options.time else ALL_TIMES
            write_rendered_pairs(Path(folder), options.rendered, _HELD_OUT_SEED, options.smoke, times)
        pairs = find_pairs(options.data or Path(folder))
        result = evaluate(options.model, options.backend, pairs, dict(options.peer))
    print(format_report(result))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

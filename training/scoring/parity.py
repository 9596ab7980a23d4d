"""Compare the outputs of model files and backends with those of the first file in onnxruntime.

python -m training.scoring.parity models/mtvif.onnx models/mtvif_int8.onnx --data DATA/msrs/val
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtvif_ros.benchmark.command import usable_backends
from mtvif_ros.command_line import command_parser, told_plainly
from mtvif_ros.engines import Inference
from mtvif_ros.image import Image
from mtvif_ros.imaging.fuse import Fuser
from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.model_file import read_model_file
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.pair_folder import PairFiles, load_pair
from training.data.selection import pairs_below
from training.scoring.pairs import Scores, score_pairs

Outputs = tuple[Image, Image]


class Parity(NamedTuple):
    """Hold how closely outputs match the reference's.

    mask_equal: the share of pixels whose class is equal. within_one: the share of pixels whose R, G and B
    differ by at most one level. psnr: of the fused images in dB over all pairs, infinite when equal.
    """

    mask_equal: float
    within_one: float
    psnr: float


def compare_outputs(reference: Iterable[Outputs], other: Iterable[Outputs]) -> Parity:
    """Compare fused images (H, W, 3) and masks (H, W) pair by pair."""
    equal, within, error = [], [], []
    for (fused_a, mask_a), (fused_b, mask_b) in zip(reference, other):
        off = np.abs(fused_a.astype(np.int16) - fused_b)
        equal.append((mask_a == mask_b).mean())
        within.append((off <= 1).all(-1).mean())
        error.append(np.square(off, dtype=np.float64).mean())
    mean_error = float(np.mean(error))
    psnr = float(10 * np.log10(255**2 / mean_error)) if mean_error else float("inf")
    return Parity(float(np.mean(equal)), float(np.mean(within)), psnr)


def outputs_of(fuse: Fuser, pairs: Sequence[PairFiles]) -> list[Outputs]:
    """Return the fused image and the mask of every pair."""
    outputs = []
    for files in tracked(pairs, fuse.name, len(pairs), unit="pair"):
        fused, mask, _ = fuse(*load_pair(files))
        outputs.append((fused.copy(), mask.copy()))
    return outputs


def tabulate(models: Sequence[Path], pairs: Sequence[PairFiles]) -> str:
    """Return a Markdown table with a row for every file in every usable backend."""
    reference = outputs_of(Fuser(models[0], "onnxruntime"), pairs)
    head = ["file and backend", "mask equal", "fused within 1", "PSNR dB", "mIoU", *METRICS]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for model in models:
        for backend in usable_backends():
            fuse = Fuser(model, backend)
            outputs = outputs_of(fuse, pairs)
            parity = compare_outputs(reference, outputs)
            lines.append(
                _row(f"{model.name}, {fuse.description}", parity, _score(pairs, outputs, fuse.classes))
            )
    return "\n".join(lines)


def _score(pairs: Sequence[PairFiles], outputs: Sequence[Outputs], names: Sequence[str]) -> Scores:
    by_name = {files.name: output for files, output in zip(pairs, outputs)}

    def look_up(files: PairFiles, rgb: Image, ir: Image) -> Inference:
        return Inference(*by_name[files.name])

    return score_pairs(pairs, look_up, names)


def _row(name: str, parity: Parity, scores: Scores) -> str:
    miou = "-" if scores.miou is None else f"{scores.miou:.4f}"
    fusion = [f"{value:.3f}" for value in (scores.fusion["model"][metric] for metric in METRICS)]
    cells = [
        name,
        f"{parity.mask_equal:.3%}",
        f"{parity.within_one:.3%}",
        f"{parity.psnr:.1f}",
        miou,
        *fusion,
    ]
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.scoring.parity", __doc__)
    parser.add_argument("models", type=Path, nargs="+", help="model files; the first is the reference")
    parser.add_argument("--data", type=Path, required=True, help="folder with vi/, ir/ and perhaps labels/")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        first = options.models[0]
        names = read_model_file(first).classes
        for model in options.models:
            if (own := read_model_file(model).classes) != names:
                raise ValueError(
                    f"{model}: knows the classes {', '.join(own)}, and {first} {', '.join(names)}; score "
                    "files of different classes apart, with training.evaluate"
                )
        print(tabulate(options.models, pairs_below(options.data, names)))


if __name__ == "__main__":
    main()

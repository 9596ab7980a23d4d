"""Score a model file beside the baselines and the images of other methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mtvif_ros.engines import Inference
from mtvif_ros.image import Image
from mtvif_ros.imaging.files import IMAGES, read_visible
from mtvif_ros.imaging.fuse import Fuser
from mtvif_ros.metrics.baselines import BASELINES
from mtvif_ros.metrics.fusion import METRICS, luma
from mtvif_ros.pairing.synchronizer import Stream
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.pair_folder import PairFiles, by_name
from mtvif_ros.size import Size
from training.scoring.pairs import FusePlane, Plane, Scores, score_pairs

_NAMED = 5  # of the pairs that a peer lacks


@dataclass(frozen=True)
class Evaluation:
    """Hold what a model file scores on `pairs` pairs in an engine.

    flicker_over_max: see FlickerMeter; None unless the pairs are of a clip.
    """

    model: str
    engine: str
    pairs: int
    scores: Scores
    flicker_over_max: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers as plain data."""
        about = {"model": self.model, "engine": self.engine, "pairs": self.pairs}
        return about | asdict(self.scores) | {"flicker_over_max": self.flicker_over_max}


def evaluate(
    model: Path,
    backend: str,
    pairs: Sequence[PairFiles],
    peers: Mapping[str, Path],
    size: Size | None = None,
    alone: Stream | None = None,
) -> Evaluation:
    """Score a model file, the baselines and `peers`: folders of fused images that have the pairs' names.

    A file of open size computes at `size`, or else at that of the frames. With `alone` it sees that camera
    only. Raises FileNotFoundError before anything is scored when a peer lacks images, and what load_engine
    and load_pair raise.
    """
    others = {name: _peer(folder, pairs) for name, folder in peers.items()}
    others |= {name: _baseline(name) for name in BASELINES}
    fuser = Fuser(model, backend, size, confidence=True)

    def fuse(files: PairFiles, rgb: Image, ir: Image) -> Inference:
        if alone is None:
            return fuser(rgb, ir)
        return fuser.alone(alone, rgb if alone is Stream.RGB else ir)

    scores = score_pairs(tracked(pairs, "evaluate", len(pairs), unit="pair"), fuse, fuser.classes, others)
    return Evaluation(str(model), fuser.description, len(pairs), scores)


def _baseline(name: str) -> FusePlane:
    return lambda files, visible, infrared: BASELINES[name](visible, infrared)


def _peer(folder: Path, pairs: Sequence[PairFiles]) -> FusePlane:
    problems: list[str] = []
    images = by_name(folder, IMAGES, problems)
    if missing := [files.name for files in pairs if files.name not in images]:
        more = ", …" if len(missing) > _NAMED else ""
        problems.append(
            f"{folder}: has no image for {len(missing)} pairs: {', '.join(missing[:_NAMED])}{more}"
        )
    if problems:
        raise FileNotFoundError("\n  ".join(problems))

    def read(files: PairFiles, visible: Plane, infrared: Plane) -> Plane:
        plane = np.rint(luma(read_visible(images[files.name])))
        if plane.shape != visible.shape:
            raise ValueError(
                f"{images[files.name]}: is {plane.shape}, expected {visible.shape}, the size of its pair; "
                "scale it"
            )
        return plane

    return read


def format_tables(scores: Scores) -> str:
    """Return scores as Markdown tables, the best method of each metric in bold."""
    best = {metric: max(of[metric] for of in scores.fusion.values()) for metric in METRICS}
    lines = _head("fusion", METRICS)
    for name, of in scores.fusion.items():
        cells = [f"{of[metric]:.3f}" for metric in METRICS]
        cells = [f"**{cell}**" if of[m] == best[m] else cell for m, cell in zip(METRICS, cells)]
        lines.append(_row(name, cells))
    known = {name: value for name, value in scores.iou.items() if value is not None}
    if known:
        lines += ["", *_head("IoU", [*known, "mean"])]
        lines.append(_row("model", [f"{value:.3f}" for value in (*known.values(), scores.miou)]))
    if scores.calibration_error is not None:
        lines += ["", f"calibration error (ECE) of the confidence: {scores.calibration_error:.3f}"]
    if scores.boxes:
        lines += ["", *_head("hand-drawn boxes", list(scores.boxes))]
        for share, meaning in (("found", "a quarter filled"), ("inside", "pixels inside")):
            values = [of[share] for of in scores.boxes.values()]
            lines.append(_row(meaning, ["-" if value is None else f"{value:.3f}" for value in values]))
    if scores.hidden_persons:
        means = scores.hidden_persons["standing_out"]
        persons = scores.hidden_persons["persons"]
        lines += ["", *_head(f"{persons} persons whom infrared alone shows", list(means))]
        lines.append(_row("stand out by", [f"{mean:.1f}" for mean in means.values()]))
    return "\n".join(lines)


def _head(first: str, names: Iterable[str]) -> list[str]:
    names = list(names)
    return [_row(first, names), "| --- " * (len(names) + 1) + "|"]


def _row(first: str, cells: Iterable[str]) -> str:
    return f"| {first} | " + " | ".join(cells) + " |"

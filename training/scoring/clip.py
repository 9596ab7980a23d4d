"""Score a model file on a clip: fusion metrics and flicker."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mtvif_ros.imaging.fuse import Fuser
from mtvif_ros.imaging.registration import Registration
from mtvif_ros.metrics.baselines import BASELINES
from mtvif_ros.metrics.flicker import FlickerMeter
from mtvif_ros.metrics.fusion import fusion_metrics, luma, prepare
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.clip import Clip
from mtvif_ros.size import Size
from training.scoring.evaluation import Evaluation
from training.scoring.pairs import Scores, means


def evaluate_clip(model: Path, backend: str, clip: Clip, every: int, size: Size | None = None) -> Evaluation:
    """Score a model file and the baselines on each `every`-th frame, and the model's flicker on all.

    Infrared is stretched to the visible size. A file of open size computes at `size`, or else at that of the
    frames. Raises what load_engine and the clip raise.
    """
    fuser = Fuser(model, backend, size)
    aligned, meter = Registration(), FlickerMeter()
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in ("model", *BASELINES)}
    for number, (rgb, ir) in enumerate(tracked(clip.frames, "evaluate", clip.count, unit="frame")):
        fused = fuser(rgb, ir).fused
        size = (rgb.shape[1], rgb.shape[0])
        visible, infrared = np.rint(luma(rgb)), aligned(ir, size, size).astype(np.float64)
        planes = {"model": np.rint(luma(fused))}
        meter.add(visible, infrared, planes["model"])
        if number % every:
            continue
        planes |= {name: fuse(visible, infrared) for name, fuse in BASELINES.items()}
        sources = prepare(visible), prepare(infrared)
        for name, plane in planes.items():
            scores[name].append(fusion_metrics(plane, *sources))
    fusion = {name: means(of_frames) for name, of_frames in scores.items()}
    scored = len(scores["model"])
    return Evaluation(
        str(model), fuser.description, scored, Scores(fusion, {}, None, None, None), meter.ratio()
    )

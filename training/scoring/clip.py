"""Score a model file on a clip: fusion metrics and flicker."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mtvif_ros.engines import load_engine
from mtvif_ros.imaging.fuse import fuse_pair
from mtvif_ros.imaging.registration import Registration
from mtvif_ros.metrics.baselines import BASELINES
from mtvif_ros.metrics.flicker import FlickerMeter
from mtvif_ros.metrics.fusion import fusion_metrics, luma, prepare
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.clip import Clip
from training.scoring.evaluation import Evaluation
from training.scoring.pairs import Scores, means


def evaluate_clip(model: Path, backend: str, clip: Clip, every: int) -> Evaluation:
    """Score a model file and the baselines on each `every`-th frame, and the model's flicker on all.

    Infrared is stretched to the visible size. Raises what load_engine and the clip raise.
    """
    engine = load_engine(model, backend)
    aligned, meter = Registration(), FlickerMeter()
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in ("model", *BASELINES)}
    for number, (rgb, ir) in enumerate(tracked(clip.frames, "evaluate", clip.count, unit="frame")):
        fused, _ = fuse_pair(engine, rgb, ir)
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
        str(model), engine.description, scored, Scores(fusion, {}, None, None, None), meter.ratio()
    )

"""Render road scenes as training samples with exact labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2

from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig
from mtvif_ros.synthetic.light import TIMES
from training.data.allowed import allowed_from_mask
from training.data.pairs import Sample

_FRAMES_PER_SCENE = 4
_FRAMES_APART = 97  # 3 s: far enough that the street looks different


def rendered_samples(count: int, seed: int) -> list[Sample]:
    """Return `count` frames (480x640) of different scenes, at all times of day in turn.

    Every scene is a little misaligned, as real cameras are.
    """
    return [
        Sample(name, frame.rgb, frame.ir, allowed_from_mask(frame.mask))
        for name, frame in _frames(count, seed)
    ]


def write_rendered_pairs(folder: Path, count: int, seed: int) -> None:
    """Write the same frames as a folder of pairs: vi/, ir/ and labels/, lossless."""
    for name in ("vi", "ir", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, frame in _frames(count, seed):
        for part, pixels in (("vi", frame.rgb[..., ::-1]), ("ir", frame.ir), ("labels", frame.mask)):
            cv2.imwrite(str(folder / part / f"{name}.png"), pixels)


def _frames(count: int, seed: int) -> Iterator[tuple[str, Frame]]:
    times = sorted(TIMES)
    for index in range(count):
        number, within = divmod(index, _FRAMES_PER_SCENE)
        time = times[number % len(times)]
        if within == 0:
            scene = RoadScene(SceneConfig(seed=seed * 100_000 + number, time=time, misaligned=1.0))
        yield f"rendered_{number}_{within}", scene.frame(within * _FRAMES_APART)

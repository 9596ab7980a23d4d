"""Render road scenes as training samples with exact labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2

from mtvif_ros.parallel import in_processes
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig
from training.config import ALL_TIMES
from training.data.allowed import allowed_from_mask
from training.data.pairs import Sample

_FRAMES_PER_SCENE = 4
_FRAMES_APART = 97  # 3 s: far enough that the street looks different


def rendered_samples(
    count: int, seed: int, smoke: float = 0.0, times: Sequence[str] = ALL_TIMES
) -> list[Sample]:
    """Render `count` frames (480x640) of different scenes, at the `times` of day in turn.

    The cameras are slightly misaligned, as real ones are. `smoke` is its density, 0..1; labels see through
    it.
    """
    return [
        Sample(name, frame.rgb, frame.ir, allowed_from_mask(frame.mask))
        for name, frame in _frames(count, seed, smoke, times)
    ]


def write_rendered_pairs(
    folder: Path, count: int, seed: int, smoke: float = 0.0, times: Sequence[str] = ALL_TIMES
) -> None:
    """Write the frames of rendered_samples as a folder of pairs: vi/, ir/ and labels/, as PNG."""
    for name in ("vi", "ir", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, frame in _frames(count, seed, smoke, times):
        for part, pixels in (("vi", frame.rgb[..., ::-1]), ("ir", frame.ir), ("labels", frame.mask)):
            cv2.imwrite(str(folder / part / f"{name}.png"), pixels)


class _Part(NamedTuple):
    """Hold a scene and the number of frames to render of it."""

    scene: SceneConfig
    frames: int


def _frames(count: int, seed: int, smoke: float, times: Sequence[str]) -> Iterator[tuple[str, Frame]]:
    parts = []
    for number, first in enumerate(range(0, count, _FRAMES_PER_SCENE)):
        time = times[number % len(times)]
        scene = SceneConfig(seed=seed * 100_000 + number, time=time, misaligned=1.0, smoke=smoke)
        parts.append(_Part(scene, min(_FRAMES_PER_SCENE, count - first)))
    for number, frames in enumerate(in_processes(_render, parts)):
        for within, frame in enumerate(frames):
            yield f"rendered_{number}_{within}", frame


def _render(part: _Part) -> list[Frame]:
    scene = RoadScene(part.scene)
    return [scene.frame(within * _FRAMES_APART) for within in range(part.frames)]

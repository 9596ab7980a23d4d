"""Render road scenes as training samples with exact labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.imaging.files import write_picture
from mtvif_ros.parallel import in_processes
from mtvif_ros.recordings.pair_folder import PairFiles
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig
from training.config import ALL_TIMES, PairSelection, RenderedSource
from training.data.allowed import ClassSets, allowed_from_mask
from training.data.boxes import IGNORED
from training.data.classes import mask_values
from training.data.pairs import Sample
from training.data.selection import select_pairs

_FRAMES_PER_SCENE = 4
_FRAMES_APART = 97  # 3 s: far enough that the street looks different


def rendered_samples(source: RenderedSource, sets: ClassSets) -> list[Sample]:
    """Render frames (480x640) of different scenes, at the source's times of day in turn.

    The cameras are slightly misaligned, as real ones are. Labels see through smoke. Raises what mask_values
    raises.
    """
    values = mask_values(source, sets.names)
    table = np.arange(256).astype(np.uint8)
    if values is not None:
        table[list(values)] = list(values.values())
    return [
        Sample(name, frame.rgb, frame.ir, allowed_from_mask(table[frame.mask], sets))
        for name, frame in _frames(source.rendered, source.seed, source.smoke, source.times)
    ]


def write_rendered_pairs(
    folder: Path, count: int, seed: int, smoke: float = 0.0, times: Sequence[str] = ALL_TIMES
) -> None:
    """Write rendered frames as a folder of pairs: vi/, ir/ and labels/, as PNG."""
    for name, frame in _frames(count, seed, smoke, times):
        for part, pixels in (("vi", frame.rgb), ("ir", frame.ir), ("labels", frame.mask)):
            write_picture(folder / part / f"{name}.png", pixels)


def list_rendered_pairs(folder: Path, names: Sequence[str]) -> list[PairFiles]:
    """List what write_rendered_pairs wrote, for a model of the classes `names`.

    Its labels keep the classes that the model shares and ignore the others; without any there are no labels.
    """
    foreign = {name: IGNORED for name in STREET_NAMES if name not in names}
    pairs = select_pairs(PairSelection(path=str(folder), names=STREET_NAMES, map=foreign), Path(), names)
    return pairs if shares_rendered_classes(names) else [replace(files, mask=None) for files in pairs]


def shares_rendered_classes(names: Sequence[str]) -> bool:
    """Return whether rendered scenes show a class of `names`; the background alone would judge nothing."""
    return not set(STREET_NAMES[1:]).isdisjoint(names)


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

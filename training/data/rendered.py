"""Render road scenes as training samples with exact labels."""

from __future__ import annotations

from mtvif_ros.synthetic import RoadScene, SceneConfig
from mtvif_ros.synthetic.light import TIMES
from training.data.allowed import allowed_from_mask
from training.data.pairs import Sample

_FRAMES_PER_SCENE = 4
_FRAMES_APART = 97  # 3 s: far enough that the street looks different


def rendered_samples(count: int, seed: int) -> list[Sample]:
    """Return `count` frames (480x640) of different scenes, at all times of day in turn.

    Every scene is a little misaligned, as real cameras are.
    """
    times = sorted(TIMES)
    samples: list[Sample] = []
    for number in range(-(-count // _FRAMES_PER_SCENE)):
        time = times[number % len(times)]
        scene = RoadScene(SceneConfig(seed=seed * 100_000 + number, time=time, misaligned=1.0))
        for index in range(min(_FRAMES_PER_SCENE, count - len(samples))):
            frame = scene.frame(index * _FRAMES_APART)
            allowed = allowed_from_mask(frame.mask)
            samples.append(Sample(f"rendered_{number}_{index}", frame.rgb, frame.ir, allowed))
    return samples

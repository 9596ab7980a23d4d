"""Read frames of video pairs as samples without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mtvif_ros.recordings.clip import read_clip
from training.data.allowed import ClassSets
from training.data.pairs import Sample


def video_samples(video: Path, every: int, sets: ClassSets) -> list[Sample]:
    """Return every `every`-th pair of frames of VIDEO_vi.mp4 and VIDEO_ir.mp4.

    Raises what read_clip raises, and ValueError for frames of different sizes.
    """
    samples = []
    visible, infrared = video_paths(video)
    for number, (rgb, ir) in enumerate(read_clip(visible, infrared).frames):
        if rgb.shape[:2] != ir.shape:
            raise ValueError(f"{infrared}: frames of {ir.shape}, those of {visible.name} {rgb.shape[:2]}")
        if number % every == 0:
            samples.append(
                Sample(f"{video.name}_{number}", rgb, ir, np.full(ir.shape, sets.every, np.uint16))
            )
    return samples


def video_paths(video: Path) -> tuple[Path, Path]:
    """Return the visible and the infrared file of a video."""
    return video.with_name(f"{video.name}_vi.mp4"), video.with_name(f"{video.name}_ir.mp4")


def count_frames(video: Path, every: int) -> int:
    """Return how many samples video_samples finds, without reading them. Raises what read_clip raises."""
    return -(-read_clip(*video_paths(video)).count // every)

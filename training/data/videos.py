"""Read frames of video pairs as samples without labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.image import Image
from training.data.allowed import ALL_CLASSES
from training.data.pairs import Sample


def video_samples(video: Path, every: int) -> list[Sample]:
    """Return every `every`-th pair of frames of VIDEO_vi.mp4 and VIDEO_ir.mp4.

    Raises FileNotFoundError for a file that is missing, and ValueError for one that is no video, and for
    frames of different sizes.
    """
    samples = []
    paths = video_paths(video)
    for number, (bgr, grey) in enumerate(zip(*(_frames(path) for path in paths))):
        if bgr.shape != grey.shape:
            raise ValueError(
                f"{paths[1]}: frames of {grey.shape[:2]}, those of {paths[0].name} {bgr.shape[:2]}"
            )
        if number % every == 0:
            rgb, ir = np.ascontiguousarray(bgr[..., ::-1]), np.ascontiguousarray(grey[..., 0])
            allowed = np.full(ir.shape, ALL_CLASSES, np.uint16)
            samples.append(Sample(f"{video.name}_{number}", rgb, ir, allowed))
    return samples


def video_paths(video: Path) -> tuple[Path, Path]:
    """Return the visible and the infrared file of a video."""
    return video.with_name(f"{video.name}_vi.mp4"), video.with_name(f"{video.name}_ir.mp4")


def _frames(path: Path) -> Iterator[Image]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise ValueError(f"{path}: not a video that OpenCV can decode")
    while True:
        is_there, frame = capture.read()
        if not is_there:
            return
        yield np.asarray(frame, np.uint8)

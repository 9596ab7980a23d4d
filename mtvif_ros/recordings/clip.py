"""Read a clip of two cameras from two videos or from two folders of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.recordings.pair_folder import load_pair, pair_folders


@dataclass(frozen=True)
class Clip:
    """Hold frames, rgb (H, W, 3) and ir (h, w), uint8, their number and names.

    rate: in Hz; None for folders.
    """

    frames: Iterator[tuple[Image, Image]]
    count: int
    names: list[str]
    rate: float | None = None


def read_clip(visible: Path, infrared: Path) -> Clip:
    """Read two videos, or two folders of images in the order of their names.

    Raises what read_videos, pair_folders and load_pair raise.
    """
    if visible.is_dir() != infrared.is_dir():
        raise ValueError(f"{visible} and {infrared}: give two videos or two folders")
    if not visible.is_dir():
        return read_videos(visible, infrared)
    pairs = pair_folders(visible, infrared)
    return Clip(map(load_pair, pairs), len(pairs), [files.name for files in pairs])


def read_videos(visible: Path, infrared: Path) -> Clip:
    """Read two videos frame by frame.

    Raises FileNotFoundError for one that is missing, and ValueError if OpenCV cannot open or decode one or if
    their lengths differ.
    """
    paths = (visible, infrared)
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist")
    videos = [cv2.VideoCapture(str(path)) for path in paths]
    for path, video in zip(paths, videos):
        if not video.isOpened():
            raise ValueError(f"{path}: not a video that OpenCV can open")
    lengths = [int(video.get(cv2.CAP_PROP_FRAME_COUNT)) for video in videos]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"{visible} has {lengths[0]} frames, {infrared} has {lengths[1]}; cut them to the same length"
        )

    def frames() -> Iterator[tuple[Image, Image]]:
        for number in range(lengths[0]):
            read = [video.read() for video in videos]
            for path, (ok, _) in zip(paths, read):
                if not ok:
                    raise ValueError(f"{path}: frame {number} of {lengths[0]} cannot be decoded")
            rgb = cv2.cvtColor(read[0][1], cv2.COLOR_BGR2RGB)
            ir = cv2.cvtColor(read[1][1], cv2.COLOR_BGR2GRAY)
            yield np.asarray(rgb, np.uint8), np.asarray(ir, np.uint8)

    names = [f"{number:06d}" for number in range(lengths[0])]
    return Clip(frames(), lengths[0], names, videos[0].get(cv2.CAP_PROP_FPS) or None)

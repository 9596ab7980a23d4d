"""Read the frames that a bag is made from: a folder of pairs, two videos, or rendered scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.image import Image
from mtvif_ros.recordings.pair_folder import find_pairs, load_mask, load_pair
from mtvif_ros.synthetic import RoadScene, SceneConfig


class BagFrame(NamedTuple):
    """Hold rgb (H, W, 3), ir (H, W) and, where labels exist, the class mask (H, W), all uint8."""

    rgb: Image
    ir: Image
    mask: Image | None


@dataclass(frozen=True)
class FrameSource:
    """Hold frames, how many there are, and the camera matrix K (3, 3) where it is known."""

    frames: Iterator[BagFrame]
    count: int
    matrix: npt.NDArray[np.float64] | None = None


def from_pairs(folder: Path) -> FrameSource:
    """Read a folder of pairs, in the order of their names; see find_pairs for its layout."""
    pairs = find_pairs(folder)

    def frames() -> Iterator[BagFrame]:
        for files in pairs:
            rgb, ir = load_pair(files)
            yield BagFrame(rgb, ir, load_mask(files, ir))

    return FrameSource(frames(), len(pairs))


def from_videos(visible: Path, infrared: Path) -> FrameSource:
    """Read two videos frame by frame.

    Raises ValueError when one cannot be opened or their lengths differ.
    """
    videos = [cv2.VideoCapture(str(path)) for path in (visible, infrared)]
    for path, video in zip((visible, infrared), videos):
        if not video.isOpened():
            raise ValueError(f"{path}: not a video that OpenCV can open")
    lengths = [int(video.get(cv2.CAP_PROP_FRAME_COUNT)) for video in videos]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"{visible} has {lengths[0]} frames, {infrared} has {lengths[1]}; cut them to the same length"
        )

    def frames() -> Iterator[BagFrame]:
        for number in range(lengths[0]):
            read = [video.read() for video in videos]
            for path, (ok, _) in zip((visible, infrared), read):
                if not ok:
                    raise ValueError(f"{path}: frame {number} of {lengths[0]} cannot be decoded")
            rgb = cv2.cvtColor(read[0][1], cv2.COLOR_BGR2RGB)
            ir = cv2.cvtColor(read[1][1], cv2.COLOR_BGR2GRAY)
            yield BagFrame(np.asarray(rgb, np.uint8), np.asarray(ir, np.uint8), None)

    return FrameSource(frames(), lengths[0])


def from_rendered(config: SceneConfig, seconds: float) -> FrameSource:
    """Render a drive of `seconds` at the scene's rate."""
    scene = RoadScene(config)
    count = round(seconds * config.rate)
    frames = (BagFrame(*scene.frame(index)) for index in range(count))
    return FrameSource(frames, count, scene.camera.matrix())

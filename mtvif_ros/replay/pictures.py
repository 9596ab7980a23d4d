"""Draw pairs side by side: visible, infrared, fused and mask, and write them as a video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.imaging.draw import side_by_side
from mtvif_ros.recordings.videos import new_video

_PANEL_HEIGHT = 360
_TITLES = ("visible", "infrared", "fused", "segmentation")


def draw_row(rgb: Image, ir: Image, fused: Image, mask: Image, colours: Image) -> Image:
    """Return the four pictures side by side with their titles, (360, W, 3); `colours` is a colour_table."""
    row = side_by_side(rgb, ir, fused, mask, colours)
    # Video encoders want even sizes.
    width = round(row.shape[1] * _PANEL_HEIGHT / row.shape[0] / 8) * 8
    picture = cv2.resize(row, (width, _PANEL_HEIGHT), interpolation=cv2.INTER_AREA)
    for number, title in enumerate(_TITLES):
        place = (number * width // 4 + 8, 20)
        for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(picture, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


class PreviewWriter:
    """Write rows of pictures as an mp4 (MPEG-4 part 2) at `rate` frames a second; a context manager.

    `colours` is a colour_table.
    """

    def __init__(self, path: Path, rate: float, colours: Image):
        self._path, self._rate, self._colours = path, rate, colours
        self._video: cv2.VideoWriter | None = None
        self.problem = ""

    def __enter__(self) -> PreviewWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._video is not None:
            self._video.release()

    def write(self, rgb: Image, ir: Image, fused: Image, mask: Image) -> None:
        """Add a row; when the video cannot be written, `problem` says so and the rest is skipped."""
        if self.problem:
            return
        picture = draw_row(rgb, ir, fused, mask, self._colours)
        if self._video is None:
            size = (picture.shape[1], picture.shape[0])
            self._video = new_video(self._path, "mp4v", self._rate, size)
            if not self._video.isOpened():
                self.problem = f"{self._path}: OpenCV cannot write this video; is there space left?"
                return
        self._video.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

"""Draw a replay as a video: visible, infrared, fused and mask side by side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from mtvif_ros.visualise import side_by_side

Image = npt.NDArray[np.uint8]
Row = tuple[Image, Image, Image, Image]

_PANEL_HEIGHT = 360
_TITLES = ("visible", "infrared", "fused", "segmentation")


def write_preview(path: Path, rows: Iterable[Row], count: int, rate: float) -> None:
    """Write rows of rgb, ir, fused and mask as an mp4 (MPEG-4 part 2) at `rate` frames a second.

    Raises OSError when the video cannot be written.
    """
    video: cv2.VideoWriter | None = None
    try:
        for row in tqdm(rows, total=count, desc="preview", unit="frame"):
            picture = _draw(*row)
            if video is None:
                size = (picture.shape[1], picture.shape[0])
                code = cv2.VideoWriter.fourcc(*"mp4v")
                video = cv2.VideoWriter(str(path), code, rate, size)
                if not video.isOpened():
                    raise OSError(f"{path}: OpenCV cannot write this video; is there space left?")
            video.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    finally:
        if video is not None:
            video.release()


def _draw(rgb: Image, ir: Image, fused: Image, mask: Image) -> Image:
    row = side_by_side(rgb, ir, fused, mask)
    # Video encoders want even sizes.
    width = round(row.shape[1] * _PANEL_HEIGHT / row.shape[0] / 8) * 8
    picture = cv2.resize(row, (width, _PANEL_HEIGHT), interpolation=cv2.INTER_AREA)
    for number, title in enumerate(_TITLES):
        place = (number * width // 4 + 8, 20)
        for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(picture, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)

"""Read one video: when each of its frames is shown, and the frames at their own depth."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.image import AnyImage, Image
from mtvif_ros.imaging.codec import FALSE_COLOURS, has_false_colours
from mtvif_ros.imaging.resize import WidthHeight
from mtvif_ros.pairing.stamps import in_ns
from mtvif_ros.progress import Progress

RATE = 30.0
"""Frames per second of what does not say how many it has."""

_CUT_SHARE, _CUT_SECONDS = 0.02, 0.5  # by which a whole video may end before the time that it names
_LARGEST_NUMERATOR = 65535
_SIXTEEN_BITS = b"Y1\0\x10"  # gray16le, the only deep format whose values OpenCV gives
# How FFmpeg tags other formats of more than 8 bits: planes such as `Y1` or `G3` with their depth, then P010,
# RGB48 and RGBA64; big-endian ones the other way round.
_DEEP = re.compile(
    rb"[YG][1-4].[\x09-\x10]|[\x09-\x10].[1-4][YG]|[PY][02]1[0-6]|(RGB|BGR)0|0(RGB|BGR)|(RB|BR)A@|@(RB|BR)A",
    re.DOTALL,
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Video:
    """Hold a video's file, when each of its frames is shown, in ns from the first, and their rate in Hz."""

    path: Path
    stamps: list[int]
    rate: float


def scan_video(path: Path) -> Video:
    """Decode a video once to see what it has, for counts and times in the file may be absent or wrong.

    Raises FileNotFoundError for one that is missing, and ValueError, naming the file, if OpenCV cannot open
    it or decode a frame, or if it ends long before the time that it names.
    """
    video = _opened(path)
    said_count, said_rate = video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)
    seconds = []
    total = int(said_count) if 0 < said_count < np.inf else 0
    with Progress(f"scan {path.name}", total, "frame") as progress:
        while video.grab():
            seconds.append(video.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            progress.update()
    video.release()
    if not seconds:
        raise ValueError(f"{path}: has no frame that OpenCV can decode; copy it again, or write it anew")
    count, rate = len(seconds), said_rate if 0 < said_rate < np.inf else RATE
    times = np.array(seconds) - seconds[0]
    if (np.diff(times) <= 0).any():  # the file does not say when
        times = np.arange(count) / rate
    if count > 1 and abs(rate * times[-1] / (count - 1) - 1) > 0.01:
        rate = (count - 1) / float(times[-1])
    lasts = float(times[-1]) + 1 / rate
    if 0 < said_rate < np.inf and said_count > count:
        said = said_count / said_rate
        if said - lasts > _CUT_SHARE * said + _CUT_SECONDS:
            raise ValueError(
                f"{path}: ends after {lasts:.1f} of {said:.1f} s; it is cut short or damaged: copy it again, "
                f"or keep the rest with `ffmpeg -i {path} -c copy NEW{path.suffix}`"
            )
        _log.warning("%s: names %d frames, OpenCV decodes %d", path, said_count, count)
    return Video(path, [in_ns(time) for time in times], rate)


def new_video(path: Path, codec: str, rate: float, size: WidthHeight) -> cv2.VideoWriter:
    """Begin a video at `rate` in Hz of frames of width and height `size`; it may not have opened.

    OpenCV takes a rate as a decimal fraction, of which MPEG-4 holds a numerator of 16 bits: 66.667 Hz becomes
    66.67 Hz.
    """
    decimals = max(0, int(np.log10(_LARGEST_NUMERATOR / rate)))
    code = cv2.VideoWriter.fourcc(*codec)
    return cv2.VideoWriter(str(path.absolute()), code, round(rate, decimals), size)


def visible_frames(video: Video, numbers: Sequence[int]) -> Iterator[Image]:
    """Yield the frames with these numbers, in rising order, as (H, W, 3), R G B."""
    for frame in _frames(video.path, _opened(video.path), numbers):
        yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)


def infrared_frames(video: Video, numbers: Sequence[int]) -> Iterator[AnyImage]:
    """Yield the frames with these numbers, in rising order, as (H, W), uint8 or, as gray16le, uint16.

    A warning tells of false colours, once. Raises ValueError for other formats of more than 8 bits, of which
    OpenCV gives only 8.
    """
    source = _opened(video.path)
    tag = (int(source.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF).to_bytes(4, "little")
    if tag == _SIXTEEN_BITS:
        source.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    elif _DEEP.fullmatch(tag):
        raise _too_deep(video.path)
    is_told = False
    for frame in _frames(video.path, source, numbers):
        if (tag == _SIXTEEN_BITS) != (frame.dtype == np.uint16):
            raise _too_deep(video.path)
        if not is_told and frame.ndim == 3 and has_false_colours(frame):
            _log.warning("%s: %s", video.path, FALSE_COLOURS)
            is_told = True
        yield frame if frame.ndim == 2 else np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))


def _opened(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    video = cv2.VideoCapture(str(path.absolute()))  # of `12:30.mp4`, FFmpeg takes `12` for a protocol
    if not video.isOpened():
        raise ValueError(f"{path}: not a video that OpenCV can open")
    return video


def _frames(path: Path, video: cv2.VideoCapture, numbers: Sequence[int]) -> Iterator[AnyImage]:
    last = -1
    for number in numbers:
        reached = all(video.grab() for _ in range(number - last))
        last = number
        ok, frame = video.retrieve() if reached else (False, None)
        if not ok or frame is None:
            raise ValueError(f"{path}: frame {number} cannot be decoded; copy the file again")
        yield np.asarray(frame)
    video.release()


def _too_deep(path: Path) -> ValueError:
    return ValueError(
        f"{path}: has more than 8 bits in a form that OpenCV cannot give whole; convert it with "
        f"`ffmpeg -i {path} -pix_fmt gray16le -c:v ffv1 NEW.mkv`"
    )

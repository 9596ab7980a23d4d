"""Read small frames of both cameras from a few stretches of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.image import AnyImage, Image, ImageFormatError
from mtvif_ros.imaging.codec import read_infrared, read_rgb
from mtvif_ros.imaging.registration import Warp
from mtvif_ros.imaging.resize import scaled
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.pairs import read_image, read_shots, stamps_apart, tell_apart
from mtvif_ros.recordings.reader import BagReader, Record, stamp_of

Seconds = npt.NDArray[np.float64]

REACH = 1.0
"""How far, in s, the clocks may differ from what the times of arrival say."""

_SIZE = (80, 60)  # of a small frame, width and height
_MOST, _LONGEST, _SHORTEST = 12, 10.0, 4.0  # stretches, and s of each


class Track(NamedTuple):
    """Hold one camera's stamps (N,) in s, rising, and its small grey frames (N, 60, 80), uint8."""

    stamps: Seconds
    frames: Image

    def registered(self, registration: Warp) -> Track:
        """Return infrared frames on the visible grid."""
        return self._replace(frames=np.array([registration(ir, _SIZE, _SIZE) for ir in self.frames]))


def small_grey(pixels: AnyImage) -> Image:
    """Return an R G B or grey uint8 frame as a grey one (60, 80)."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    return scaled(np.asarray(grey, np.uint8), _SIZE)


def stretches(begin: float, end: float) -> list[tuple[float, float]]:
    """Return begin and end, in s, of at most 12 stretches of up to 10 s, spread evenly over a recording."""
    count = int(np.clip((end - begin) / _SHORTEST, 1, _MOST))
    length = min((end - begin) / count, _LONGEST)
    return [(start, start + length) for start in np.linspace(begin, end - length, count).tolist()]


def read_tracks(bag: BagReader, topics: tuple[str, str]) -> tuple[Track, Track, float]:
    """Return the visible and the infrared track, and how far their stamps are apart in s.

    The last number is infrared minus visible stamp of frames that arrived together. Frames that cannot be
    read are left out. Raises BagError if a topic is missing or has no frames that differ in time.
    """
    bag.require(*topics)
    shots = read_shots(bag, topics)
    times = tell_apart(bag, *shots.values())
    if not all(times):
        return _track({}), _track({}), 0.0
    apart = 0.0 if bag.by_arrival else stamps_apart(shots)
    tracker = Tracker(times[0], apart)
    thermal = ThermalScaler()
    count = sum(map(len, shots.values()))
    for record in tracked(bag.records(topics), "compare clocks", count, "frame"):
        stamp, is_visible = stamp_of(record.raw), record.topic == topics[0]
        if not tracker.wants(stamp, is_visible):
            continue
        try:
            frame = read_image(record, read_rgb) if is_visible else thermal(_infrared(record))
        except ImageFormatError:
            continue  # the alignment tells
        tracker.see(stamp, is_visible, frame)
    return *tracker.tracks(), apart


class Tracker:
    """Keep small frames of both cameras from a few stretches of a recording.

    `visible` are the visible stamps in ns, `apart` says by how many s infrared ones are later.
    """

    def __init__(self, visible: Sequence[int], apart: float):
        begin, end = np.percentile(visible, (1, 99)) / NANOSECONDS  # without stray stamps
        self._parts = stretches(float(begin), float(end))
        self._apart = apart
        self._seen: dict[bool, dict[float, Image]] = {True: {}, False: {}}

    def wants(self, stamp: int, is_visible: bool) -> bool:
        """Say whether a frame, by its stamp in ns, lies in or near a stretch."""
        moment = stamp / NANOSECONDS - (0.0 if is_visible else self._apart)
        return any(begin - REACH <= moment <= end + REACH for begin, end in self._parts)

    def see(self, stamp: int, is_visible: bool, frame: Image) -> None:
        """Keep a frame, (H, W, 3) or (H, W), uint8."""
        self._seen[is_visible][stamp / NANOSECONDS] = small_grey(frame)

    def tracks(self) -> tuple[Track, Track]:
        """Return the visible and the infrared track."""
        return _track(self._seen[True]), _track(self._seen[False])


def _infrared(record: Record) -> AnyImage:
    pixels, _ = read_image(record, read_infrared)
    return pixels


def _track(seen: Mapping[float, Image]) -> Track:
    stamps = sorted(seen)
    frames = np.array([seen[stamp] for stamp in stamps], np.uint8).reshape(-1, *_SIZE[::-1])
    return Track(np.array(stamps, np.float64), frames)

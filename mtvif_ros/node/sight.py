"""Tell which cameras see: one may be silent or unreadable, repeat its picture, or show nothing at all."""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Iterable
from itertools import accumulate
from typing import Literal, NamedTuple

import cv2
import numpy as np

from mtvif_ros.image import AnyImage, Image
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.pairing.synchronizer import Stream

Loss = Literal["silent", "unreadable", "still", "uniform"]
"""No frame comes; none can be read; the same picture comes again and again; it is of one brightness."""

_LONGEST_SILENCE = 10 * NANOSECONDS  # of a camera that sends seldom: three of its periods, but no longer
_LONGEST_STILL = 30 * NANOSECONDS  # of a camera without noise: three times as long as it was still before
_SAMPLED = 16  # at most every sixteenth row and column, and of small pictures more:
_LEAST_SAMPLED = 30  # rows and columns, where noise alone makes two frames of a working camera differ
_ENOUGH = 120  # rows and columns that the brightness is taken of, where a picture has more
_BLOCK = 8  # rows and columns of these make a block, whose mean has less noise
_GAPS = 11  # of which a camera's period is the one that half of their time lies in: a burst takes no time
LONGEST_PAUSE = NANOSECONDS // 4  # without a frame: a camera that sends again has come back
_UNIFORM = 3.0  # grey levels between the darkest and the brightest block of an empty picture


class Sight:
    """Note what the cameras send, from any thread, and tell which of them are lost. Times are monotonic, ns.

    `now` is when the node begins to listen. After a `pause` in ns, and three periods, a camera has come back.
    """

    def __init__(self, now: int) -> None:
        self._lock = threading.Lock()
        self._cameras = {stream: _Camera() for stream in Stream}
        self._since = now
        self.pause = LONGEST_PAUSE

    def begin(self, now: int) -> None:
        """Begin anew, as the node listens again: earlier arrivals and pictures no longer count."""
        with self._lock:
            self._since = now
            for camera in self._cameras.values():
                camera.begin(now)

    def received(self, stream: Stream, now: int) -> None:
        """Note a frame that arrived at `now`."""
        with self._lock:
            self._cameras[stream].arrived(now, self.pause)

    def seen(self, stream: Stream, picture: AnyImage, shown: Image, now: int) -> None:
        """Note a frame: `picture`, (H, W) or (H, W, 3), as the camera sent it; `shown`, in 8 bits."""
        is_uniform = uniform(shown)
        with self._lock:
            camera = self._cameras[stream]
            camera.is_uniform, camera.unread = is_uniform, None
            if is_uniform:  # a shutter says nothing about how long scenes stand still
                camera.picture.begin(now)
            else:
                camera.picture.see(picture, now)

    def unread(self, stream: Stream, why: str, now: int) -> None:
        """Note a frame that cannot be read, and why."""
        with self._lock:
            camera = self._cameras[stream]
            camera.unread = _Unread(camera.unread.since if camera.unread else now, now, why)
            camera.picture.begin(now)  # nobody knows whether it stood still

    def why_unread(self, stream: Stream) -> str:
        """Return why a camera's last frame could not be read, empty if it could."""
        with self._lock:
            unread = self._cameras[stream].unread
            return unread.why if unread else ""

    def silent(self, stream: Stream, now: int, least: int) -> bool:
        """Say whether a camera has sent nothing for `least` ns and three of its periods, these up to 10 s.

        Its period is the shortest since the node began to listen: one that slows down is no slow camera.
        """
        with self._lock:
            return self._cameras[stream].is_silent(now, least, self._since)

    def patience(self, least: int) -> int:
        """Return in ns for how long both cameras may send nothing, as `silent` does for one."""
        with self._lock:
            return max(camera.patience(least) for camera in self._cameras.values())

    def has_sent(self, stream: Stream) -> bool:
        """Say whether a camera has sent anything since the node began to listen."""
        with self._lock:
            return self._cameras[stream].last_arrival is not None

    def still(self, stream: Stream, least: int) -> bool:
        """Say whether a camera has repeated its picture for `least` ns while the other's has changed.

        A camera whose picture stood still before, and then changed, has three times as long, up to 30 s.
        """
        with self._lock:
            return self._cameras[stream].hangs_beside(self._cameras.values(), least)

    def still_for(self, stream: Stream) -> int:
        """Return for how many ns a camera has sent one picture."""
        with self._lock:
            return self._cameras[stream].picture.duration

    def loss(self, stream: Stream, now: int, after: int) -> Loss | None:
        """Return how a camera has been lost, if it has: for `after`, or uniform now.

        After a pause of both, the one that resumes a moment later is not silent, unless it was so before.
        """
        with self._lock:
            camera = self._cameras[stream]
            resumed = (
                other.resumed
                for other in self._cameras.values()
                if not camera.is_silent(other.paused, after, self._since)
            )
            if camera.is_silent(now, after, max([self._since, *resumed])):
                return "silent"
            return self._blind(camera, after)

    def blind(self, stream: Stream, after: int) -> Loss | None:
        """Return what is wrong with a camera's last frame, if anything is: for `after`, or uniform now."""
        with self._lock:
            return self._blind(self._cameras[stream], after)

    def _blind(self, camera: _Camera, after: int) -> Loss | None:
        if camera.unread and camera.unread.last - camera.unread.since > after:
            return "unreadable"
        if camera.is_uniform:
            return "uniform"
        return "still" if camera.hangs_beside(self._cameras.values(), after) else None


def uniform(picture: Image) -> bool:
    """Say whether a picture, (H, W) or (H, W, 3) of 8 bits, is of one brightness but for noise.

    So are a closed shutter, a cover, full darkness and a saturated sensor. A small light of any colour makes
    a difference.
    """
    step = max(1, min(picture.shape[:2]) // _ENOUGH)
    sampled = picture[::step, ::step]
    # Green shows most scenes, so that the other colours need a look in the dark only.
    return all(map(_is_flat, [sampled] if sampled.ndim == 2 else (sampled[..., at] for at in (1, 0, 2))))


def _is_flat(plane: Image) -> bool:
    size = [max(1, side // _BLOCK) for side in plane.shape[::-1]]
    means = cv2.resize(np.ascontiguousarray(plane, np.float32), size, interpolation=cv2.INTER_AREA)
    return bool(means.max() - means.min() <= _UNIFORM)


def fingerprint(picture: AnyImage) -> int:
    """Return a checksum of (H, W) or (H, W, 3), any dtype, in which a working camera's frames differ."""
    step = max(1, min(_SAMPLED, min(picture.shape[:2]) // _LEAST_SAMPLED))
    return zlib.crc32(picture[::step, ::step].tobytes())


class StillPicture:
    """Notice a camera that repeats one picture, as one that hangs or is covered does. Times in ns.

    `longest` is the longest time after which a repeated picture changed again: without noise, a scene that
    stands still looks like a camera that hangs.
    """

    def __init__(self) -> None:
        self._fingerprint: int | None = None
        self._since = self._last = self.longest = 0

    def see(self, picture: AnyImage, now: int) -> None:
        """Take the next picture, (H, W) or (H, W, 3) of any dtype."""
        found = fingerprint(picture)
        if found != self._fingerprint:
            self.longest = max(self.longest, self.duration)
            self._fingerprint, self._since = found, now
        self._last = now

    def begin(self, now: int) -> None:
        """Forget the last picture, and learn nothing from how long it stayed."""
        self._fingerprint, self._since, self._last = None, now, now

    @property
    def duration(self) -> int:
        """The time between the first and the last of the equal pictures."""
        return self._last - self._since

    def stayed_beside(self, other: StillPicture) -> int:
        """Return how much of that time another camera sent pictures, too; not above 0 for none."""
        return min(self._last, other._last) - self._since


class _Unread(NamedTuple):
    since: int
    last: int
    why: str


class _Camera:
    def __init__(self) -> None:
        self.last_arrival: int | None = None
        self.paused = self.resumed = 0  # at the last frame before a pause and at the first one after it
        self.picture = StillPicture()
        self.is_uniform = False
        self.unread: _Unread | None = None
        self._gaps: deque[int] = deque(maxlen=_GAPS)
        self._period = 0

    def begin(self, now: int) -> None:
        self.last_arrival, self.is_uniform, self.unread = None, False, None
        self.picture.begin(now)
        self._gaps = deque(filter(None, [self._period]), maxlen=_GAPS)  # until it shows another

    def arrived(self, now: int, pause: int) -> None:
        if self.is_silent(now, pause, 0):
            self.paused, self.resumed = self.last_arrival or 0, now
        if self.last_arrival is not None:
            is_known = len(self._gaps) == _GAPS
            self._gaps.append(now - self.last_arrival)
            gaps, half = sorted(self._gaps), sum(self._gaps) / 2
            usual = next((gap for gap, total in zip(gaps, accumulate(gaps)) if total >= half), gaps[-1])
            self._period = min(self._period, usual) if is_known else usual
        self.last_arrival = now

    def is_silent(self, now: int, least: int, since: int) -> bool:
        return now - max(since, self.last_arrival or 0) > self.patience(least)

    def patience(self, least: int) -> int:
        return max(least, min(3 * self._period, _LONGEST_SILENCE))

    def hangs_beside(self, others: Iterable[_Camera], least: int) -> bool:
        enough = max(least, min(3 * self.picture.longest, _LONGEST_STILL))
        return any(
            self.picture.stayed_beside(other.picture) > max(enough, 2 * other.picture.duration)
            for other in others
        )

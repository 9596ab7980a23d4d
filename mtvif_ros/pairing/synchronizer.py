"""Pair the frames of two streams by their stamps.

A visible and an infrared frame make a pair when each is the nearest to the other and their stamps differ
by at most `slop`. The synchronizer returns a pair as soon as no later frame can be nearer: when it knows the
next frame of the earlier stream, or when the recent gaps of that stream show that it comes too late.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, astuple, dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from mtvif_ros.pairing.stamps import NANOSECONDS

Frame = TypeVar("Frame")

JUMP = NANOSECONDS // 4
"""How far back, in ns, a stamp tells of a jump in time: frames on their way overtake each other by less."""

_GAPS_REMEMBERED = 16


class Stream(IntEnum):
    """Name the two streams."""

    RGB = 0
    IR = 1


@dataclass
class StreamCounts:
    """Count how the frames of one stream ended, each in exactly one of these ways."""

    paired: int = 0
    alone: int = 0
    unpaired: int = 0
    late: int = 0
    duplicate: int = 0
    overflowed: int = 0

    @property
    def total(self) -> int:
        """The number of frames that have ended."""
        return sum(astuple(self))

    def __str__(self) -> str:
        return ", ".join(f"{count} {end}" for end, count in asdict(self).items())


@dataclass(frozen=True)
class Pair(Generic[Frame]):
    """Hold two frames that belong together and their distance, infrared minus visible, in ns."""

    rgb: Frame
    ir: Frame
    distance: int


@dataclass(frozen=True)
class _Entry(Generic[Frame]):
    stamp: int
    arrival: int
    frame: Frame


@dataclass
class _Queue(Generic[Frame]):
    entries: deque[_Entry[Frame]] = field(default_factory=deque)
    counts: StreamCounts = field(default_factory=StreamCounts)
    gaps: deque[int] = field(default_factory=lambda: deque(maxlen=_GAPS_REMEMBERED))
    newest: int | None = None
    released: int | None = None

    def pop(self) -> _Entry[Frame]:
        entry = self.entries.popleft()
        self.released = entry.stamp
        return entry

    def forget(self) -> None:
        """Drop what waits and start anew, after time has jumped back."""
        self.counts.unpaired += len(self.entries)
        self.entries.clear()
        self.gaps.clear()
        self.newest = self.released = None


class Synchronizer(Generic[Frame]):
    """Pair two streams. All times are in nanoseconds. Not thread-safe.

    slop: largest distance of a pair. queue_size: frames of each stream that may wait; when it is full, the
    oldest overflows. max_wait: longest wait of a frame for its partner, from its arrival. offset: added to
    visible stamps before they are compared. jump: a stamp that lies further back than this restarts its
    stream, or any further back while it goes alone. Raises ValueError for values that are not positive.
    """

    def __init__(
        self,
        slop: int,
        queue_size: int = 10,
        max_wait: int = 200_000_000,
        offset: int = 0,
        jump: int = JUMP,
    ):
        for name, value in (("slop", slop), ("queue_size", queue_size), ("max_wait", max_wait)):
            if value <= 0:
                raise ValueError(f"{name}: {value} must be positive")
        self._slop, self._queue_size, self._max_wait = slop, queue_size, max_wait
        self._offset, self._least_jump = offset, jump
        self._queues: tuple[_Queue[Frame], _Queue[Frame]] = (_Queue(), _Queue())
        self._alone: Stream | None = None  # whose frames were released, until one of the other stream comes

    def set_slop(self, slop: int) -> None:
        """Change the largest distance of a pair, in ns."""
        self._slop = slop

    @property
    def _jump(self) -> int:
        return max(self._least_jump, self._slop)

    def counts(self, stream: Stream) -> StreamCounts:
        """Return the counts of one stream; later frames change them."""
        return self._queues[stream].counts

    def waiting(self, stream: Stream) -> int:
        """Return how many frames of one stream wait for a partner."""
        return len(self._queues[stream].entries)

    def add(self, stream: Stream, stamp: int, frame: Frame, now: int) -> list[Pair[Frame]]:
        """Take a frame that arrived at `now` and return the pairs that it completes, in stamp order."""
        queue = self._queues[stream]
        if stream is Stream.RGB:
            stamp += self._offset
        if stream is not self._alone:
            self._alone = None
        # Alone a stream has no pairs to keep in order: after one stamp ahead of time it goes on at once.
        jump = 0 if self._alone is not None and not queue.entries else self._jump
        if queue.newest is not None and stamp < queue.newest - jump:
            queue.forget()
        if not self._enqueue(queue, _Entry(stamp, now, frame)):
            return []
        return self._settle(now)

    def poll(self, now: int) -> list[Pair[Frame]]:
        """Return the pairs of frames that have waited long enough; call it several times per max_wait."""
        return self._settle(now)

    def release(self, stream: Stream) -> list[Frame]:
        """Remove and return the frames of one stream that wait, oldest first; they count as alone."""
        queue = self._queues[stream]
        if queue.entries:
            self._alone = stream
        queue.counts.alone += len(queue.entries)
        return [queue.pop().frame for _ in range(len(queue.entries))]

    def flush(self) -> None:
        """Drop all frames that wait; they count as unpaired."""
        for queue in self._queues:
            queue.forget()

    def _enqueue(self, queue: _Queue[Frame], entry: _Entry[Frame]) -> bool:
        entries, counts = queue.entries, queue.counts
        position = len(entries)
        while position and entries[position - 1].stamp > entry.stamp:
            position -= 1
        if entry.stamp == queue.released or (position and entries[position - 1].stamp == entry.stamp):
            counts.duplicate += 1
            return False
        if queue.released is not None and entry.stamp < queue.released:
            counts.late += 1
            return False
        if queue.newest is not None and entry.stamp > queue.newest:
            queue.gaps.append(entry.stamp - queue.newest)
        queue.newest = entry.stamp if queue.newest is None else max(queue.newest, entry.stamp)
        entries.insert(position, entry)
        if len(entries) > self._queue_size:
            queue.pop()
            counts.overflowed += 1
        return True

    def _settle(self, now: int) -> list[Pair[Frame]]:
        pairs = []
        rgb, ir = self._queues
        while rgb.entries and ir.entries:
            is_rgb_older = rgb.entries[0].stamp <= ir.entries[0].stamp
            older, newer = (rgb, ir) if is_rgb_older else (ir, rgb)
            verdict = self._judge(older, newer.entries[0].stamp, now)
            if verdict is None:
                break
            if not verdict:
                older.pop()
                older.counts.unpaired += 1
                continue
            a, b = rgb.pop(), ir.pop()
            rgb.counts.paired += 1
            ir.counts.paired += 1
            pairs.append(Pair(a.frame, b.frame, b.stamp - a.stamp))
        for queue, other in ((rgb, ir), (ir, rgb)):
            while queue.entries and not other.entries and self._is_overdue(queue, now):
                queue.pop()
                queue.counts.unpaired += 1
        return pairs

    def _judge(self, older: _Queue[Frame], partner: int, now: int) -> bool | None:
        """Say whether the head of `older` pairs with `partner`: yes, no, or None for not yet."""
        distance = partner - older.entries[0].stamp
        following = older.entries[1].stamp if len(older.entries) > 1 else None
        if distance > self._jump and following is None:
            # The other stream may be about to jump back to our time, or we forward to its.
            return False if self._is_overdue(older, now) else None
        if distance > self._slop:
            return False
        if following is not None:
            return abs(following - partner) >= distance
        if distance == 0 or (older.gaps and 2 * distance <= min(older.gaps)):
            return True
        return True if self._is_overdue(older, now) else None

    def _is_overdue(self, queue: _Queue[Frame], now: int) -> bool:
        return now - queue.entries[0].arrival >= self._max_wait

"""Watch how the node does and report it: rates, counts, latencies, and the state that they amount to."""

from __future__ import annotations

import resource
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtvif_ros.node.sight import Loss, Sight
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.pairing.synchronizer import Stream, StreamCounts

_REMEMBERED = 300  # answers, the sample of all latencies
_SILENT = 1 * NANOSECONDS  # without a frame; then a camera counts as silent
_STILL = 2 * NANOSECONDS  # of one picture; a thermal camera repeats its own for a moment while it calibrates
_WINDOW = 3 * NANOSECONDS  # that a state describes
_UNPAIRED_SHARE = 0.1  # of the frames in this time
_MS = 1e6  # ns
_LOSSES: Mapping[Loss, str] = {
    "silent": "no frames from",
    "unreadable": "frames that cannot be read from",
    "still": "the same picture over and over from",
    "uniform": "nothing but one brightness from",
}


class Level(IntEnum):
    """Name the states as diagnostic_msgs/DiagnosticStatus numbers them."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Answer:
    """Hold what one answer took, all in ns, and the cameras that it rests on.

    `distance` is infrared minus visible stamp, None for a frame that went alone.
    """

    from_stamp: int
    from_arrival: int
    inference: int
    distance: int | None
    rests_on: frozenset[Stream] = frozenset(Stream)


@dataclass(frozen=True)
class CameraHealth:
    """Report on one camera: `still_s` says for how long it has sent the same picture."""

    topic: str
    rate_hz: float
    counts: StreamCounts
    zero_stamps: int
    still_s: float
    is_silent: bool


@dataclass(frozen=True)
class Percentiles:
    """Hold percentiles of a time, in ms."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Latencies:
    """Report on some answers. `outside_inference` is what `from_arrival` adds to `inference`."""

    from_stamp: Percentiles
    from_arrival: Percentiles
    inference: Percentiles
    outside_inference: Percentiles
    pair_distance_p50_ms: float | None


@dataclass(frozen=True)
class HealthReport:
    """Report on the node: its state and why, rates since the last report, counts since configure.

    `answered` counts pairs, `alone` frames that went without a partner, `by_one` the answers, of both kinds,
    that rest on one camera. `latencies` are of the last 300 answers, `recent` of those since the last report;
    None without an answer. `notices` are what was wrong with frames of the last seconds.
    """

    level: Level
    message: str
    cameras: Mapping[Stream, CameraHealth]
    output_rate_hz: float
    answered: int
    alone: int
    by_one: Mapping[Stream, int]
    superseded: int
    failed: int
    skipped: int
    latencies: Latencies | None
    recent: Latencies | None
    cpu_cores: float
    memory_mb: float
    notices: Sequence[str]


@dataclass
class _Camera:
    topic: str
    frames: int = 0
    zero_stamps: int = 0


@dataclass(frozen=True)
class Work:
    """Count the pairs and single frames without an answer: superseded by newer ones, or skipped."""

    superseded: int = 0
    skipped: int = 0


class _Frames(NamedTuple):
    """Hold the counts of one camera at a moment; the difference of two covers the time between."""

    received: int = 0
    lost: int = 0
    duplicate: int = 0
    zero_stamps: int = 0

    def since(self, before: _Frames) -> _Frames:
        return _Frames(*(now - then for now, then in zip(self, before)))


@dataclass(frozen=True)
class _Totals:
    """Hold the counts of one moment: reports compare two of them."""

    at: int
    frames: Mapping[Stream, _Frames]
    superseded: int = 0
    failed: int = 0
    answers: int = 0


class Monitor:
    """Collect events from any thread and report on them once in a while.

    `topics` are the cameras' full names, `sight` knows what they send. All times are monotonic and in ns.
    """

    def __init__(self, topics: Mapping[Stream, str], sight: Sight, now: int):
        self._lock = threading.Lock()
        self._sight = sight
        self._cameras = {stream: _Camera(topic) for stream, topic in topics.items()}
        self._answers: deque[Answer] = deque(maxlen=_REMEMBERED)
        self._answered = self._alone = self._failed = 0
        self._by_one = dict.fromkeys(topics, 0)
        self._last_failure = ""
        self._history = deque([_Totals(now, dict.fromkeys(topics, _Frames()))])
        self._notices: dict[str, int] = {}
        self._cpu = time.process_time()

    def begin(self, now: int, counts: Mapping[Stream, StreamCounts], work: Work) -> None:
        """Begin anew, as the node is active again: states and rates cover what comes from now on."""
        with self._lock:
            self._history = deque([self._totals(now, counts, work.superseded)])
            self._notices.clear()
            self._cpu = time.process_time()

    def received(self, stream: Stream, stamped: bool = True) -> None:
        """Note a frame; `stamped` is false where its stamp is zero."""
        with self._lock:
            self._cameras[stream].frames += 1
            self._cameras[stream].zero_stamps += not stamped

    def answered(self, answer: Answer) -> None:
        """Note an answer."""
        with self._lock:
            self._answers.append(answer)
            self._answered += answer.distance is not None
            self._alone += answer.distance is None
            if len(answer.rests_on) == 1:
                self._by_one[min(answer.rests_on)] += 1

    def failed(self, error: Exception) -> None:
        """Note a pair that failed, and why."""
        with self._lock:
            self._failed += 1
            self._last_failure = str(error)

    def noticed(self, words: str, now: int) -> bool:
        """Note another fault of a frame; return whether it is the first of its kind in three seconds."""
        with self._lock:
            is_new = now - self._notices.get(words, now - _WINDOW) >= _WINDOW
            self._notices[words] = now
            return is_new

    def outcome(self) -> tuple[int, int]:
        """Return how many pairs and single frames were answered and how many failed."""
        with self._lock:
            return self._answered + self._alone, self._failed

    def report(
        self,
        now: int,
        counts: Mapping[Stream, StreamCounts],
        work: Work,
        left_out: Mapping[Stream, Loss],
        why_unpaired: Callable[[], str],
        is_idle: bool = False,
    ) -> HealthReport:
        """Return how the node has done since the last report; rare faults count for three seconds.

        STALE: a camera is silent, and no answer goes without it. ERROR: a pair failed. WARN: answers leave
        a camera out, something was noticed, a camera repeats one picture, pairs were superseded, stamps
        repeat, a tenth of the slower camera's frames found no partner, which `why_unpaired` explains, or
        stamps are zero. An idle node is OK.
        """
        cpu = time.process_time()
        with self._lock:
            while len(self._history) > 1 and self._history[1].at <= now - _WINDOW:
                self._history.popleft()
            before, after = self._history[-1], self._totals(now, counts, work.superseded)
            seconds = max(1e-3, (now - before.at) / NANOSECONDS)
            cameras = {
                stream: CameraHealth(
                    topic=camera.topic,
                    rate_hz=(camera.frames - before.frames[stream].received) / seconds,
                    counts=StreamCounts(**asdict(counts[stream])),
                    zero_stamps=camera.zero_stamps,
                    still_s=self._sight.still_for(stream) / NANOSECONDS,
                    is_silent=not is_idle and self._is_silent(stream, now),
                )
                for stream, camera in self._cameras.items()
            }
            if is_idle:
                level, message = Level.OK, "idle: nobody listens"
            else:
                level, message = self._state(after, left_out, why_unpaired)
            report = HealthReport(
                level=level,
                message=message,
                cameras=cameras,
                output_rate_hz=(after.answers - before.answers) / seconds,
                answered=self._answered,
                alone=self._alone,
                by_one=dict(self._by_one),
                superseded=after.superseded,
                failed=after.failed,
                skipped=work.skipped,
                latencies=_latencies(self._answers),
                recent=_latencies(_newest(self._answers, after.answers - before.answers)),
                cpu_cores=(cpu - self._cpu) / seconds,
                memory_mb=_resident_mb(),
                notices=self._recent_notices(now),
            )
            self._history.append(after)
            self._cpu = cpu
        return report

    def _totals(self, now: int, counts: Mapping[Stream, StreamCounts], superseded: int) -> _Totals:
        frames = {
            stream: _Frames(
                camera.frames, of.unpaired + of.late + of.overflowed, of.duplicate, camera.zero_stamps
            )
            for (stream, camera), of in zip(self._cameras.items(), map(counts.__getitem__, self._cameras))
        }
        return _Totals(
            at=now,
            frames=frames,
            superseded=superseded,
            failed=self._failed,
            answers=self._answered + self._alone,
        )

    def _state(
        self, after: _Totals, left_out: Mapping[Stream, Loss], why_unpaired: Callable[[], str]
    ) -> tuple[Level, str]:
        """Return the gravest state of those that hold, and its reason."""
        before = self._history[-1]
        silent = {stream for stream in self._cameras if self._is_silent(stream, after.at)}
        if silent and (not silent <= left_out.keys() or len(left_out) == len(self._cameras)):
            return Level.STALE, f"no frames from {self._named(silent)}"
        if after.failed > before.failed:
            return Level.ERROR, f"pairs failed: {self._last_failure}"
        if len(left_out) == 1:
            ((lost, loss),) = left_out.items()
            (other,) = self._cameras.keys() - {lost}
            why = f": {self._sight.why_unread(lost)}" if loss == "unreadable" else ""
            return Level.WARN, f"{self._named({other})} alone: {_LOSSES[loss]} {self._named({lost})}{why}"
        if notices := self._recent_notices(after.at):
            return Level.WARN, "; ".join(notices)
        if still := {stream for stream in self._cameras if self._sight.still(stream, _STILL)}:
            return Level.WARN, f"{_LOSSES['still']} {self._named(still)}: hung or covered?"
        if after.superseded > before.superseded:
            return Level.WARN, "inference cannot keep up: newer pairs superseded older ones"
        recent = {stream: of.since(self._history[0].frames[stream]) for stream, of in after.frames.items()}
        if repeated := self._where(recent, lambda of: of.duplicate > _UNPAIRED_SHARE * of.received):
            return Level.WARN, (
                f"stamps repeat on {repeated}: is there more than one publisher? If not, correct "
                "header.stamp in the camera driver or set sync.by to arrival"
            )
        # Of a faster camera there are more frames than partners.
        slower = min(recent.values(), key=lambda of: (of.received, -of.lost))
        if slower.lost > _UNPAIRED_SHARE * slower.received > 0:
            return Level.WARN, f"frames without a partner: {why_unpaired()}"
        if zero := self._where(recent, lambda of: of.zero_stamps > 0):
            return Level.WARN, f"stamps are zero on {zero}: frames are paired by arrival"
        return Level.OK, "fusing"

    def _is_silent(self, stream: Stream, now: int) -> bool:
        return self._sight.silent(stream, now, _SILENT)

    def _recent_notices(self, now: int) -> list[str]:
        return sorted(words for words, at in self._notices.items() if now - at < _WINDOW)

    def _where(self, recent: Mapping[Stream, _Frames], holds: Callable[[_Frames], bool]) -> str:
        return self._named(stream for stream, of in recent.items() if holds(of))

    def _named(self, streams: Iterable[Stream]) -> str:
        return " and ".join(self._cameras[stream].topic for stream in sorted(streams))


def _latencies(answers: Iterable[Answer]) -> Latencies | None:
    if not (answers := list(answers)):
        return None
    distances = [abs(one.distance) for one in answers if one.distance is not None]
    return Latencies(
        from_stamp=_percentiles([one.from_stamp for one in answers]),
        from_arrival=_percentiles([one.from_arrival for one in answers]),
        inference=_percentiles([one.inference for one in answers]),
        outside_inference=_percentiles([one.from_arrival - one.inference for one in answers]),
        pair_distance_p50_ms=float(np.median(distances)) / _MS if distances else None,
    )


def _newest(answers: Sequence[Answer], count: int) -> list[Answer]:
    """Return the last `count` answers, as far as they are remembered."""
    return list(answers)[-count:] if count else []


def _percentiles(times: list[int]) -> Percentiles:
    return Percentiles(*(float(value) / _MS for value in np.percentile(times, (50, 95, 99))))


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * resource.getpagesize() / 1e6

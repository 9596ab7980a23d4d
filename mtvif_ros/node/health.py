"""Watch how the node does and report it: rates, counts, latencies, and the state that they amount to."""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from mtvif_ros.image import AnyImage
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.pairing.synchronizer import Stream, StreamCounts

if TYPE_CHECKING:
    from builtin_interfaces.msg import Time

_REMEMBERED = 300  # answers, the sample of all latencies
_SILENT = 1 * NANOSECONDS  # without a frame; then a camera counts as silent
_STILL = 2 * NANOSECONDS  # of one picture; a thermal camera repeats its own for a moment while it calibrates
_UNPAIRED_SHARE = 0.1  # of the frames since the last report
_SAMPLED = 16  # every sixteenth row and column: noise alone makes two frames of a working camera differ there
_MS = 1e6  # ns


class Level(IntEnum):
    """Name the states as diagnostic_msgs/DiagnosticStatus numbers them."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Answer:
    """Hold what one answered pair took, all in ns; `distance` is infrared minus visible stamp."""

    from_stamp: int
    from_arrival: int
    inference: int
    distance: int


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
    """Report on the last 300 answers. `outside_inference` is what `from_arrival` adds to `inference`."""

    from_stamp: Percentiles
    from_arrival: Percentiles
    inference: Percentiles
    outside_inference: Percentiles
    pair_distance_p50_ms: float


@dataclass(frozen=True)
class HealthReport:
    """Report on the node: its state and why, rates since the last report, counts since configure."""

    level: Level
    message: str
    cameras: Mapping[Stream, CameraHealth]
    output_rate_hz: float
    answered: int
    superseded: int
    failed: int
    latencies: Latencies | None
    cpu_cores: float
    memory_mb: float


class StillPicture:
    """Notice a camera that repeats one picture, as one that hangs or is covered does. Times in ns."""

    def __init__(self) -> None:
        self._fingerprint: int | None = None
        self._since = self._last = 0

    def see(self, picture: AnyImage, now: int) -> None:
        """Take the next picture, (H, W) or (H, W, 3) of any dtype."""
        fingerprint = zlib.crc32(picture[::_SAMPLED, ::_SAMPLED].tobytes())
        if fingerprint != self._fingerprint:
            self._fingerprint, self._since = fingerprint, now
        self._last = now

    @property
    def duration(self) -> int:
        """The time between the first and the last of the equal pictures."""
        return self._last - self._since


@dataclass
class _Camera:
    topic: str
    frames: int = 0
    last_arrival: int | None = None
    zero_stamps: int = 0
    picture: StillPicture = field(default_factory=StillPicture)


@dataclass(frozen=True)
class _Totals:
    """Hold the counts of one moment: reports compare two of them."""

    frames: Mapping[Stream, int]
    unpaired: int = 0
    superseded: int = 0
    failed: int = 0
    answered: int = 0


class Monitor:
    """Collect events from any thread and report on them once in a while.

    `topics` are the cameras' full names. All times are monotonic and in ns.
    """

    def __init__(self, topics: Mapping[Stream, str], now: int):
        self._lock = threading.Lock()
        self._cameras = {stream: _Camera(topic) for stream, topic in topics.items()}
        self._answers: deque[Answer] = deque(maxlen=_REMEMBERED)
        self._answered = self._failed = 0
        self._last_failure = ""
        self._before = _Totals(dict.fromkeys(topics, 0))
        self._reported = now
        self._cpu = time.process_time()

    def received(self, stream: Stream, now: int, stamped: bool = True) -> None:
        """Note a frame that arrived at `now`; `stamped` is false where its stamp is zero."""
        with self._lock:
            camera = self._cameras[stream]
            camera.frames += 1
            camera.last_arrival = now
            camera.zero_stamps += not stamped

    def seen(self, stream: Stream, picture: AnyImage, now: int) -> None:
        """Note the picture, (H, W) or (H, W, 3), of a frame that has a partner."""
        with self._lock:
            self._cameras[stream].picture.see(picture, now)

    def answered(self, answer: Answer) -> None:
        """Note an answered pair."""
        with self._lock:
            self._answers.append(answer)
            self._answered += 1

    def failed(self, error: Exception) -> None:
        """Note a pair that failed, and why."""
        with self._lock:
            self._failed += 1
            self._last_failure = str(error)

    def outcome(self) -> tuple[int, int]:
        """Return how many pairs were answered and how many failed."""
        with self._lock:
            return self._answered, self._failed

    def report(self, now: int, counts: Mapping[Stream, StreamCounts], superseded: int) -> HealthReport:
        """Report how the node has done since the last report.

        STALE: a camera is silent. ERROR: a pair failed. WARN: a camera repeats one picture, pairs were
        superseded, a tenth of the frames found no partner, or stamps are zero.
        """
        cpu = time.process_time()
        with self._lock:
            seconds = max(1e-3, (now - self._reported) / NANOSECONDS)
            before, after = self._before, self._totals(counts, superseded)
            cameras = {
                stream: CameraHealth(
                    topic=camera.topic,
                    rate_hz=(after.frames[stream] - before.frames[stream]) / seconds,
                    counts=StreamCounts(**asdict(counts[stream])),
                    zero_stamps=camera.zero_stamps,
                    still_s=camera.picture.duration / NANOSECONDS,
                    is_silent=camera.last_arrival is None or now - camera.last_arrival > _SILENT,
                )
                for stream, camera in self._cameras.items()
            }
            level, message = _state(before, after, cameras.values(), self._last_failure)
            report = HealthReport(
                level=level,
                message=message,
                cameras=cameras,
                output_rate_hz=(after.answered - before.answered) / seconds,
                answered=after.answered,
                superseded=after.superseded,
                failed=after.failed,
                latencies=_latencies(self._answers),
                cpu_cores=(cpu - self._cpu) / seconds,
                memory_mb=_resident_mb(),
            )
            self._before, self._reported, self._cpu = after, now, cpu
        return report

    def _totals(self, counts: Mapping[Stream, StreamCounts], superseded: int) -> _Totals:
        return _Totals(
            frames={stream: camera.frames for stream, camera in self._cameras.items()},
            unpaired=sum(of.unpaired + of.late + of.overflowed for of in counts.values()),
            superseded=superseded,
            failed=self._failed,
            answered=self._answered,
        )


def _state(
    before: _Totals, after: _Totals, cameras: Iterable[CameraHealth], last_failure: str
) -> tuple[Level, str]:
    """Return the gravest state of those that hold, and its reason."""
    cameras = list(cameras)
    frames = sum(after.frames.values()) - sum(before.frames.values())
    if silent := [camera.topic for camera in cameras if camera.is_silent]:
        return Level.STALE, f"no frames from {' and '.join(silent)}"
    if after.failed > before.failed:
        return Level.ERROR, f"pairs failed: {last_failure}"
    if still := [camera.topic for camera in cameras if camera.still_s * NANOSECONDS > _STILL]:
        return Level.WARN, f"the same picture over and over from {' and '.join(still)}: hung or covered?"
    if after.superseded > before.superseded:
        return Level.WARN, "inference cannot keep up: newer pairs superseded older ones"
    if frames and (after.unpaired - before.unpaired) / frames > _UNPAIRED_SHARE:
        return Level.WARN, "frames without a partner: check sync.slop and sync.offset"
    if zero := [camera.topic for camera in cameras if camera.zero_stamps]:
        return Level.WARN, f"stamps are zero on {' and '.join(zero)}: frames are paired by arrival"
    return Level.OK, "fusing"


def _latencies(answers: Iterable[Answer]) -> Latencies | None:
    if not (answers := list(answers)):
        return None
    return Latencies(
        from_stamp=_percentiles([one.from_stamp for one in answers]),
        from_arrival=_percentiles([one.from_arrival for one in answers]),
        inference=_percentiles([one.inference for one in answers]),
        outside_inference=_percentiles([one.from_arrival - one.inference for one in answers]),
        pair_distance_p50_ms=float(np.median([abs(one.distance) for one in answers])) / _MS,
    )


def _percentiles(times: list[int]) -> Percentiles:
    return Percentiles(*(float(value) / _MS for value in np.percentile(times, (50, 95, 99))))


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * 4096 / 1e6


def diagnostics_values(report: HealthReport) -> dict[str, str]:
    """Return every number of a report as plain decimal text, under keys that stay the same.

    Latencies are missing until the first pair is answered.
    """
    values: dict[str, str] = {}
    for stream, camera in report.cameras.items():
        name = stream.name.lower()
        values[f"{name}.topic"] = camera.topic
        values[f"{name}.rate_hz"] = f"{camera.rate_hz:.1f}"
        values |= {f"{name}.{end}": str(count) for end, count in asdict(camera.counts).items()}
        values[f"{name}.zero_stamps"] = str(camera.zero_stamps)
        values[f"{name}.still_s"] = f"{camera.still_s:.1f}"
    values["output.rate_hz"] = f"{report.output_rate_hz:.1f}"
    for name in ("answered", "superseded", "failed"):
        values[f"pairs.{name}"] = str(getattr(report, name))
    if report.latencies is not None:
        values["pair_distance.p50_ms"] = f"{report.latencies.pair_distance_p50_ms:.1f}"
        for name, times in (
            ("latency_from_stamp", report.latencies.from_stamp),
            ("latency_from_arrival", report.latencies.from_arrival),
            ("inference", report.latencies.inference),
            ("outside_inference", report.latencies.outside_inference),
        ):
            values |= {f"{name}.{percentile}": f"{ms:.1f}" for percentile, ms in asdict(times).items()}
    values["process.cpu_cores"] = f"{report.cpu_cores:.2f}"
    values["process.memory_mb"] = f"{report.memory_mb:.1f}"
    return values


def diagnostics_message(report: HealthReport, node_name: str, engine: str, stamp: Time) -> DiagnosticArray:
    """Return the message for `/diagnostics`; `engine` describes what runs the model."""
    values = [KeyValue(key=key, value=value) for key, value in diagnostics_values(report).items()]
    status = DiagnosticStatus(
        level=bytes([report.level]),
        name=f"{node_name}: fusion",
        message=report.message,
        hardware_id=engine,
        values=values,
    )
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message

"""Watch how the node does: rates, latencies, counts, and what state they amount to. No ROS import."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtvif_ros.node.still_picture import StillPicture
from mtvif_ros.pairing.stamps import NANOSECONDS

_REMEMBERED = 300  # answers, over which latencies are taken
_SILENT = 1 * NANOSECONDS  # ns without a frame after which a camera counts as silent
_UNPAIRED_SHARE = 0.1  # of the frames since the last report
_STILL = 2 * NANOSECONDS  # ns of one picture; thermal cameras repeat theirs for a moment while they calibrate


class Level(IntEnum):
    """Name the states as diagnostic_msgs/DiagnosticStatus numbers them."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Answer:
    """Hold what one answered pair took: all in ns, distance is infrared minus visible stamp."""

    from_stamp: int
    from_arrival: int
    inference: int
    distance: int


@dataclass(frozen=True)
class Report:
    """Hold one look at the node: state, why, and every number as text by name."""

    level: Level
    message: str
    values: dict[str, str]


@dataclass
class _Totals:
    frames: dict[str, int] = field(default_factory=dict)
    unpaired: int = 0
    superseded: int = 0
    failed: int = 0
    answered: int = 0


class Monitor:
    """Collect events from any thread and report on them once in a while.

    `received`, `seen` and `answered` may be called from different threads.
    """

    def __init__(self, cameras: tuple[str, ...], now: int):
        self._lock = threading.Lock()
        self._last_frame: dict[str, int | None] = dict.fromkeys(cameras)
        self._frames = dict.fromkeys(cameras, 0)
        self._zero_stamps = dict.fromkeys(cameras, 0)
        self._pictures = {camera: StillPicture() for camera in cameras}
        self._answers: deque[Answer] = deque(maxlen=_REMEMBERED)
        self._answered = 0
        self._before = _Totals(frames=dict(self._frames))
        self._reported = now
        self._cpu = time.process_time()

    def received(self, camera: str, now: int, stamped: bool = True) -> None:
        """Note a frame that arrived at `now`, monotonic ns."""
        with self._lock:
            self._last_frame[camera] = now
            self._frames[camera] += 1
            self._zero_stamps[camera] += not stamped

    def seen(self, camera: str, picture: npt.NDArray[Any], now: int) -> None:
        """Note the picture, (H, W) or (H, W, 3), of a frame whose pair is being answered."""
        with self._lock:
            self._pictures[camera].see(picture, now)

    def answered(self, answer: Answer) -> None:
        """Note a pair that was answered."""
        with self._lock:
            self._answers.append(answer)
            self._answered += 1

    def report(
        self, now: int, counts: dict[str, dict[str, int]], superseded: int, failed: int, last_failure: str
    ) -> Report:
        """Say how the node has done since the last report.

        `counts` are the synchronizer's by camera. STALE: a camera is silent for a second. ERROR: a pair
        failed. WARN: a camera sends one picture over and over, or pairs were superseded, or a tenth of the
        frames found no partner, or stamps are zero.
        """
        cpu = time.process_time()
        with self._lock:
            seconds = max(1e-3, (now - self._reported) / NANOSECONDS)
            unpaired = sum(of["unpaired"] + of["late"] + of["overflowed"] for of in counts.values())
            after = _Totals(dict(self._frames), unpaired, superseded, failed, self._answered)
            before, self._before, self._reported = self._before, after, now
            answers, zero_stamps = list(self._answers), dict(self._zero_stamps)
            still = {name: of.lasts for name, of in self._pictures.items()}
            silent = [name for name, last in self._last_frame.items() if last is None or now - last > _SILENT]
        values = {
            f"{name} rate (Hz)": f"{(count - before.frames[name]) / seconds:.1f}"
            for name, count in after.frames.items()
        }
        values["output rate (Hz)"] = f"{(after.answered - before.answered) / seconds:.1f}"
        values |= {f"{camera} {end}": str(n) for camera, of in counts.items() for end, n in of.items()}
        values |= {f"{camera} zero stamps": str(n) for camera, n in zero_stamps.items()}
        values |= {
            f"{camera} same picture for (s)": f"{ns / NANOSECONDS:.1f}" for camera, ns in still.items()
        }
        values |= {"superseded": str(superseded), "failed": str(failed), "answered": str(after.answered)}
        values |= _times(answers)
        values["CPU (cores)"] = f"{(cpu - self._cpu) / seconds:.2f}"
        values["resident memory (MB)"] = f"{_resident_mb():.1f}"
        self._cpu = cpu
        frames = sum(after.frames.values()) - sum(before.frames.values())
        if silent:
            level, message = Level.STALE, f"no frames from {' and '.join(silent)}"
        elif after.failed > before.failed:
            level, message = Level.ERROR, f"pairs failed: {last_failure}"
        elif stuck := " and ".join(name for name, ns in still.items() if ns > _STILL):
            level, message = Level.WARN, f"one picture over and over from {stuck}: hung or covered?"
        elif after.superseded > before.superseded:
            level, message = Level.WARN, "inference cannot keep up: pairs were superseded"
        elif frames and (after.unpaired - before.unpaired) / frames > _UNPAIRED_SHARE:
            level, message = Level.WARN, "frames without a partner: check sync.slop and sync.offset"
        elif any(zero_stamps.values()):
            level, message = Level.WARN, "stamps are zero: frames are paired by arrival"
        else:
            level, message = Level.OK, "fusing"
        return Report(level, message, values)


def _times(answers: list[Answer]) -> dict[str, str]:
    if not answers:
        return {}
    values = {"pair distance, median (ms)": f"{np.median([abs(a.distance) for a in answers]) / 1e6:.1f}"}
    for name, times in (
        ("latency from stamp", [a.from_stamp for a in answers]),
        ("latency from arrival", [a.from_arrival for a in answers]),
        ("inference", [a.inference for a in answers]),
        ("outside inference", [a.from_arrival - a.inference for a in answers]),
    ):
        for percentile in (50, 95, 99):
            values[f"{name}, p{percentile} (ms)"] = f"{np.percentile(times, percentile) / 1e6:.1f}"
    return values


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * 4096 / 1e6

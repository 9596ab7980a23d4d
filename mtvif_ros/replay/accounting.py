"""Account for every frame and every pair, by what was sent, what came back and what the node reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from mtvif_ros.replay.collector import Collector, HealthReport
from mtvif_ros.replay.plan import StampPair
from mtvif_ros.replay.player import Sent
from mtvif_ros.replay.summary import CameraCounts, Counts, Load, TopicSummary

_ENDS = ("paired", "alone", "unpaired", "late", "duplicate", "overflowed")


def latencies(pairs: Sequence[StampPair], sent: Sent, arrivals: Mapping[int, float]) -> dict[int, float]:
    """Return by visible stamp the seconds from publishing a pair's later frame to the output.

    `arrivals` maps visible stamps to monotonic s.
    """
    return {pair[0]: arrivals[pair[0]] - sent.complete(pair) for pair in pairs if pair[0] in arrivals}


def behind_newest(pairs: Sequence[StampPair], sent: Sent, arrivals: Mapping[int, float]) -> list[float]:
    """Return for each output by how many seconds its pair was older than the newest one sent by then.

    A pair is as old as its later frame's publishing; `arrivals` maps visible stamps to monotonic s.
    """
    complete = {pair[0]: sent.complete(pair) for pair in pairs}
    moments = np.sort(np.array(list(complete.values())))
    found = []
    for rgb, arrival in arrivals.items():
        if rgb in complete:
            newest = moments[np.searchsorted(moments, arrival) - 1]
            found.append(float(newest - complete[rgb]))
    return found


def first_pass_states(
    states: Sequence[tuple[float, str]], sent: Sent, last: int
) -> tuple[list[tuple[int, str]], int]:
    """Return the states told during the first pass, each with its time of recording, and when they end.

    `states` have monotonic times in s, the rest is in ns. What was told before the first frame is of no
    recording. `last` is when the last frame of a pass was recorded.
    """
    begin = sent.moments[0][0]
    end = min(sent.recorded(math.inf), last)
    during = [(sent.recorded(time), state) for time, state in states if time >= begin]
    return [(at, state) for at, state in during if at < end], end


def count(report: HealthReport | None, before: HealthReport | None, sent: Sent) -> Counts | None:
    """Return what the node counted from `before` to `report`; None without a report."""
    if report is None:
        return None

    def counted(key: str) -> int:
        earlier = before.number(key) if before is not None else None
        return round((report.number(key) or 0) - (earlier or 0))

    cameras = {
        camera: CameraCounts(
            topic=report.values.get(f"{camera}.topic", camera),
            sent=frames,
            **{end: counted(f"{camera}.{end}") for end in _ENDS},
        )
        for camera, frames in zip(("rgb", "ir"), sent.counts)
    }
    return Counts(
        answered=counted("pairs.answered"),
        superseded=counted("pairs.superseded"),
        failed=counted("pairs.failed"),
        skipped=counted("pairs.skipped"),
        alone=counted("alone.answered"),
        rgb_only=counted("answers.rgb_only"),
        ir_only=counted("answers.ir_only"),
        cameras=cameras,
    )


def account(
    pairs: Sequence[StampPair], sent: Sent, counts: Counts | None, collector: Collector, topic: str
) -> TopicSummary:
    """Say what became of the pairs on one output topic.

    The node says how many pairs it superseded, failed on or skipped, not which; what stays unanswered beyond
    those is lost.
    """
    times = {stamp: arrival.time for stamp, arrival in collector.arrivals[topic].items()}
    seconds = list(latencies(pairs, sent, times).values())
    missing = len(pairs) - len(seconds)
    superseded = min(missing, counts.superseded) if counts else 0
    failed = min(missing - superseded, counts.failed) if counts else 0
    skipped = min(missing - superseded - failed, counts.skipped) if counts else 0
    return TopicSummary(
        answered=len(seconds),
        superseded=superseded,
        failed=failed,
        lost=missing - superseded - failed - skipped,
        unexpected=max(0, len(times.keys() - {rgb for rgb, _ in pairs}) - (counts.alone if counts else 0)),
        latency_p50_ms=_percentile_ms(seconds, 50),
        latency_p95_ms=_percentile_ms(seconds, 95),
        latency_p99_ms=_percentile_ms(seconds, 99),
        behind_newest_p99_ms=_percentile_ms(behind_newest(pairs, sent, times), 99),
        skipped=skipped,
    )


def sizes(reports: Sequence[HealthReport]) -> tuple[str, ...]:
    """Return the sizes at which the model computed, in turn, over the reports in which it worked."""
    told = (values["model.size"] for values in _busy(reports) if "model.size" in values)
    return tuple(size for size, _ in groupby(told))


def load(reports: Sequence[HealthReport]) -> Load | None:
    """Sum up what the node used, over the reports in which it worked; None when there are none."""
    busy = _busy(reports)
    if not busy:
        return None
    memory = [float(values["process.memory_mb"]) for values in busy]
    return Load(
        memory_first_mb=memory[0],
        memory_last_mb=memory[-1],
        memory_peak_mb=max(memory),
        cpu_cores=_median(busy, "process.cpu_cores"),
        inference_p50_ms=float(busy[-1]["inference.p50_ms"]),
        outside_inference_p50_ms=_median(busy, "outside_inference.p50_ms"),
    )


def _busy(reports: Sequence[HealthReport]) -> list[Mapping[str, str]]:
    return [one.values for one in reports if "inference.p50_ms" in one.values]


def _median(reports: Sequence[Mapping[str, str]], key: str) -> float:
    return round(float(np.median([float(values[key]) for values in reports])), 2)


def _percentile_ms(seconds: Sequence[float], percentile: int) -> float | None:
    return round(float(np.percentile(seconds, percentile)) * 1e3, 2) if seconds else None

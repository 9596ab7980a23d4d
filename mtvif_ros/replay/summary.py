"""Sum up a replay: how complete it was, how fast, how good and how steady."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.metrics.segmentation import iou_per_class
from mtvif_ros.metrics.steadiness import Steadiness
from mtvif_ros.replay.collector import Diagnosis
from mtvif_ros.replay.scoring import METHODS, Matrix, Scored

_ENDS = ("paired", "unpaired", "late", "duplicate", "overflowed")


def latencies(
    pairs: Sequence[tuple[int, int]],
    published: tuple[Mapping[int, float], Mapping[int, float]],
    arrivals: Mapping[int, float],
) -> dict[int, float]:
    """Return by visible stamp the seconds from publishing a pair's later frame to the output.

    `published` maps the visible and the infrared stamps to times, `arrivals` visible stamps.
    """
    sent_rgb, sent_ir = published
    return {rgb: arrivals[rgb] - max(sent_rgb[rgb], sent_ir[ir]) for rgb, ir in pairs if rgb in arrivals}


def behind_newest(
    pairs: Sequence[tuple[int, int]],
    published: tuple[Mapping[int, float], Mapping[int, float]],
    arrivals: Mapping[int, float],
) -> list[float]:
    """Return for each output by how many seconds its pair was older than the newest when it came.

    Older by the times of publishing; the arguments are those of latencies.
    """
    sent_rgb, sent_ir = published
    complete = {rgb: max(sent_rgb[rgb], sent_ir[ir]) for rgb, ir in pairs}
    moments = np.sort(np.array(list(complete.values())))
    found = []
    for rgb, arrival in arrivals.items():
        if rgb in complete:
            newest = moments[np.searchsorted(moments, arrival) - 1]
            found.append(float(newest - complete[rgb]))
    return found


def summarise_topic(pairs: int, seconds: Sequence[float]) -> dict[str, Any]:
    """Return pairs answered and lost, and the latency's p50, p95, p99 in ms (None without answers)."""
    summary: dict[str, Any] = {"answered": len(seconds), "lost": pairs - len(seconds)}
    for percent in (50, 95, 99):
        value = float(np.percentile(seconds, percent)) * 1e3 if seconds else None
        summary[f"latency_p{percent}_ms"] = None if value is None else round(value, 2)
    return summary


def summarise_counts(
    sent: Sequence[int], cameras: Sequence[str], before: Mapping[str, str], diagnoses: Sequence[Diagnosis]
) -> dict[str, Any]:
    """Compare what was published with the node's own last counts.

    `agree` is true when every frame sent is in one of the node's counts and every pair that it made
    was answered, superseded or failed; None when the node sent no diagnostics. `before` is what it had
    counted when the replay began.
    """
    if not diagnoses:
        return {"agree": None, "why": "the node sent no diagnostics"}
    last = diagnoses[-1].values

    def counted(key: str) -> int:
        return int(last.get(key, 0)) - int(before.get(key, 0))

    counts: dict[str, Any] = {key: counted(key) for key in ("answered", "superseded", "failed")}
    problems = []
    for camera, count in zip(cameras, sent):
        ends = {end: counted(f"{camera} {end}") for end in _ENDS}
        counts[camera] = {"sent": count, **ends}
        ended = sum(ends.values())
        if ended != count:
            problems.append(f"{camera}: {count} frames were sent, the node counts {ended}")
    paired = counts[cameras[0]]["paired"]
    ended = sum(counts[key] for key in ("answered", "superseded", "failed"))
    if paired != ended:
        problems.append(f"the node made {paired} pairs, of which {ended} ended")
    return {**counts, "agree": not problems, "why": "; ".join(problems)}


def summarise_load(diagnoses: Sequence[Diagnosis]) -> dict[str, float]:
    """Return from the node's reports its memory in MB, CPU in cores, and time outside inference in ms."""
    busy = [one.values for one in diagnoses if "inference, p50 (ms)" in one.values]
    if not busy:
        return {}
    memory = [float(values["resident memory (MB)"]) for values in busy]
    cpu = [float(values["CPU (cores)"]) for values in busy]
    outside = [float(values["outside inference, p50 (ms)"]) for values in busy]
    return {
        "memory_first_mb": memory[0],
        "memory_last_mb": memory[-1],
        "memory_peak_mb": max(memory),
        "cpu_cores": round(float(np.median(cpu)), 2),
        "inference_p50_ms": float(busy[-1]["inference, p50 (ms)"]),
        "outside_inference_p50_ms": round(float(np.median(outside)), 2),
    }


def summarise_quality(
    scored: Sequence[Scored], steady: Sequence[Steadiness], confusion: Matrix, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the means of all metrics by method, IoU by class (None where absent), and steadiness."""
    if not scored:
        return {}
    fusion = {
        method: {name: float(np.mean([one.fusion[method][name] for one in scored])) for name in METRICS}
        for method in METHODS
    }
    quality: dict[str, Any] = {"scored": len(scored), "fusion": fusion}
    if confusion.any():
        iou = {
            name: float(value) if confusion[index].any() else None
            for index, (name, value) in enumerate(zip(classes, iou_per_class(confusion)))
        }
        known = [value for value in iou.values() if value is not None]
        quality |= {"iou": iou, "miou": float(np.mean(known)), "confusion": confusion.tolist()}
    if steady:
        columns = np.array(steady)
        for name, column in zip(Steadiness._fields, columns.T):
            quality[name] = round(float(column.mean()), 4)
    return quality


def format_table(summary: Mapping[str, Any]) -> str:
    """Return the summary as a text table, one line a topic."""
    heads = ("topic", "pairs", "answered", "lost", "p50 ms", "p95 ms", "p99 ms")
    rows = [heads]
    for topic, values in summary["topics"].items():
        numbers = [values["answered"], values["lost"]]
        numbers += [values[f"latency_p{percent}_ms"] for percent in (50, 95, 99)]
        cells = ["-" if number is None else str(number) for number in numbers]
        rows.append((topic, str(summary["pairs"]), *cells))
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells))
    return "\n".join(lines)

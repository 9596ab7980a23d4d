"""Write a replay's results as one HTML page that needs no network."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.replay import plots as figures
from mtvif_ros.replay.preview import draw_row
from mtvif_ros.replay.scoring import METHODS

_WORST = 3  # frames of each kind
_PLOTTED = ("SCD", "VIF", "Qabf", "SSIM")  # of similar size
# What makes a frame a bad one: the column of pairs.csv, its name, and whether large is bad.
_KINDS = (
    ("segmentation_latency_ms", "slowest masks (ms)", True),
    ("unexplained", "masks least steady (share of pixels)", True),
    ("flicker", "strongest flicker", True),
    *((name, f"lowest {name}", False) for name in METRICS),
)

Row = Mapping[str, Any]
Pictures = Callable[[set[int]], Iterable[AnsweredPair]]
Course = Sequence[tuple[float, Mapping[str, str]]]


def write_report(
    path: Path, summary: Mapping[str, Any], rows: Sequence[Row], pictures: Pictures, course: Course
) -> None:
    """Write the page.

    `rows` are those of pairs.csv, `pictures` gives the pairs of some visible stamps, `course` is the node's
    diagnostics: monotonic s and values. Raises OSError when it cannot be written.
    """
    worst = _worst(rows)
    stamps = {stamp for _, frames in worst for stamp, _ in frames}
    shown = {one.stamp: _picture(one) for one in pictures(stamps)} if stamps else {}
    first = rows[0]["rgb_stamp"] if rows else 0
    page = page_template("report.html.j2").render(
        s=summary,
        headline=_headline(summary),
        failing=[one for one in summary["limits"] if not one["holds"]],
        metrics=list(METRICS),
        methods=METHODS,
        best=_best(summary["quality"].get("fusion", {})),
        plots=_plots(summary, rows, course),
        worst=worst,
        pictures=shown,
        first=first,
    )
    path.write_text(page)


def page_template(name: str) -> Any:
    """Return one of this package's page templates."""
    environment = Environment(
        loader=PackageLoader("mtvif_ros.replay", "templates"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(name)


def _headline(summary: Mapping[str, Any]) -> str:
    if summary["bag_damage"]:
        return "The bag is damaged: only a part of it was replayed"
    failing = [one for one in summary["limits"] if not one["holds"]]
    if not failing:
        return "All limits hold"
    return f"Falls short in {len(failing)} of {len(summary['limits'])} limits"


def _best(fusion: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {name: max(of[name] for of in fusion.values()) for name in METRICS} if fusion else {}


def _worst(rows: Sequence[Row]) -> list[tuple[str, list[tuple[int, float]]]]:
    found = []
    for column, title, large in _KINDS:
        values = [(row["rgb_stamp"], row[column]) for row in rows if column in row]
        if values:
            values.sort(key=lambda pair: pair[1], reverse=large)
            found.append((title, values[:_WORST]))
    return found


def _picture(shown: AnsweredPair) -> str:
    row = draw_row(shown.rgb, shown.ir, shown.fused, shown.mask)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(row, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return base64.b64encode(encoded.tobytes()).decode()


def _plots(summary: Mapping[str, Any], rows: Sequence[Row], course: Course) -> dict[str, str]:
    plots = {}
    latency = {
        name: ([row["rgb_stamp"] for row in rows if column in row], [r[column] for r in rows if column in r])
        for name, column in (("fused", "fused_latency_ms"), ("segmentation", "segmentation_latency_ms"))
    }
    latency = {name: both for name, both in latency.items() if both[0]}
    if latency:
        first = rows[0]["rgb_stamp"]
        seconds = {n: ([(x - first) / 1e9 for x in xs], ys) for n, (xs, ys) in latency.items()}
        plots["latency over time"] = figures.over_time(seconds, "latency, ms")
        plots["latency distribution"] = figures.distribution(
            {n: ys for n, (_, ys) in latency.items()}, "latency, ms"
        )
    if len(course) > 1:
        times = [time - course[0][0] for time, _ in course]
        for key, label in (("resident memory (MB)", "memory, MB"), ("CPU (cores)", "CPU, cores")):
            values = [float(of[key]) for _, of in course if key in of]
            if len(values) == len(times):
                plots[label] = figures.over_time({label: (times, values)}, label)
    scored = [row for row in rows if _PLOTTED[0] in row]
    if scored:
        xs = [(row["rgb_stamp"] - rows[0]["rgb_stamp"]) / 1e9 for row in scored]
        of_metric = {name: [row[name] for row in scored] for name in _PLOTTED}
        plots["fusion over time"] = figures.over_time({n: (xs, ys) for n, ys in of_metric.items()}, "model")
        plots["fusion distribution"] = figures.distribution(of_metric, "model")
    for column, label in (("flicker", "flicker"), ("unexplained", "unexplained change")):
        having = [row for row in rows if column in row]
        if having:
            xs = [(row["rgb_stamp"] - rows[0]["rgb_stamp"]) / 1e9 for row in having]
            plots[label] = figures.over_time({label: (xs, [row[column] for row in having])}, label)
    if "confusion" in summary["quality"]:
        matrix = np.array(summary["quality"]["confusion"], float)
        matrix /= np.maximum(1, matrix.sum(1, keepdims=True))
        plots["confusion"] = figures.heat(matrix, summary["classes"])
    return plots

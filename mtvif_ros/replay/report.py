"""Write a replay's results as one HTML page that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.pages import plots
from mtvif_ros.pages.page import as_jpeg, page_template
from mtvif_ros.replay.collector import SEGMENTATION, HealthReport
from mtvif_ros.replay.pictures import draw_row
from mtvif_ros.replay.scoring import METHODS
from mtvif_ros.replay.summary import Summary
from mtvif_ros.replay.watch import Watched

_WORST = 3  # frames of each kind
_PLOTTED = ("SCD", "VIF", "Qabf", "SSIM")  # of similar size
# What makes a frame a bad one: the column of pairs.csv, its title, and whether large is bad.
_KINDS = (
    ("segmentation_latency_ms", "Slowest masks, ms", True),
    ("unexplained", "Least steady masks, share of pixels", True),
    ("flicker", "Strongest flicker", True),
    ("confidence", "Least certain masks, mean confidence", False),
    *((name, f"Lowest {name}", False) for name in METRICS),
)

Row = Mapping[str, Any]
Pictures = Callable[[set[int]], Iterable[AnsweredPair]]


def write_report(
    path: Path,
    summary: Summary,
    rows: Sequence[Row],
    pictures: Pictures,
    colours: Image,
    reports: Sequence[HealthReport],
    watched: Watched | None = None,
) -> None:
    """Write the page.

    `rows` are those of pairs.csv; `pictures` returns the pairs of some visible stamps, whose masks are drawn
    by the colour_table `colours`; `reports` are the node's, `watched` is what the recording showed. Raises
    OSError when the page cannot be written.
    """
    worst = _worst(rows)
    stamps = {stamp for _, frames in worst for stamp, _ in frames}
    page = page_template("mtvif_ros.replay", "report.html.j2").render(
        s=summary,
        headline=headline(summary),
        mask=summary.topics[SEGMENTATION],
        metrics=list(METRICS),
        methods=METHODS,
        best=_best(summary),
        plots=_plots(summary, rows, reports) | (_watch_plots(watched) if watched else {}),
        worst=worst,
        pictures={one.stamp: _picture(one, colours) for one in pictures(stamps)} if stamps else {},
        first=rows[0]["rgb_stamp"] if rows else 0,
    )
    path.write_text(page)


def headline(summary: Summary) -> str:
    """Return the verdict in a few words."""
    if summary.bag_damage:
        return "The bag is damaged: only a part of it was replayed"
    missed = [one for one in summary.limits if not one.holds]
    if not missed:
        return "All limits hold"
    if [one.name for one in missed] == ["completeness.answered_share"] and not summary.slowest.lost:
        return f"The node did not keep up: it answered {summary.slowest.answered} of {summary.pairs} pairs"
    return f"{len(missed)} of {len(summary.limits)} limits {'is' if len(missed) == 1 else 'are'} missed"


def _best(summary: Summary) -> dict[str, float]:
    if summary.quality is None:
        return {}
    return {name: max(of[name] for of in summary.quality.fusion.values()) for name in METRICS}


def _worst(rows: Sequence[Row]) -> list[tuple[str, list[tuple[int, float]]]]:
    found = []
    for column, title, large in _KINDS:
        values = [(row["rgb_stamp"], row[column]) for row in rows if column in row]
        if values:
            values.sort(key=lambda pair: pair[1], reverse=large)
            found.append((title, values[:_WORST]))
    return found


def _picture(shown: AnsweredPair, colours: Image) -> str:
    return as_jpeg(draw_row(shown.rgb, shown.ir, shown.fused, shown.mask, colours))


def _plots(summary: Summary, rows: Sequence[Row], reports: Sequence[HealthReport]) -> dict[str, str]:
    """Return the page's plots as SVG by name; those without data are left out."""
    found = {}
    latency = _series(rows, {"fused": "fused_latency_ms", "mask": "segmentation_latency_ms"})
    if latency:
        found["latency over time"] = plots.over_time(latency, "latency, ms")
        found["latency distribution"] = plots.distribution(_values(latency), "latency, ms")
    for key, label in (("process.memory_mb", "memory, MB"), ("process.cpu_cores", "CPU, cores")):
        having = [
            (one.time - reports[0].time, value) for one in reports if (value := one.number(key)) is not None
        ]
        if len(having) > 1:
            times, values = zip(*having)
            found[label] = plots.over_time({label: (times, values)}, label)
    fusion = _series(rows, {name: name for name in _PLOTTED})
    if fusion:
        found["fusion over time"] = plots.over_time(fusion, "score of the model")
        found["fusion distribution"] = plots.distribution(_values(fusion), "score of the model")
    for column, label in (
        ("flicker", "flicker"),
        ("unexplained", "unexplained change"),
        ("confidence", "confidence"),
    ):
        series = _series(rows, {label: column})
        if series:
            found[label] = plots.over_time(series, label)
    if summary.quality is not None and summary.quality.confusion is not None:
        matrix = np.array(summary.quality.confusion, float)
        matrix /= np.maximum(1, matrix.sum(1, keepdims=True))
        found["confusion"] = plots.confusion_matrix(matrix, summary.classes)
    return found


def _watch_plots(watched: Watched) -> dict[str, str]:
    found = {}
    if len(watched.shifts) > 1:
        times = [at for at, _ in watched.shifts]
        sides = {name: (times, [getattr(of, name) for _, of in watched.shifts]) for name in ("right", "down")}
        found["registration"] = plots.over_time(sides, "infrared must move, px", from_zero=False)
    if watched.celsius:
        times = [at for at, _ in watched.celsius]
        kinds = enumerate(("coldest", "median", "warmest"))
        lines = {name: (times, [values[index] for _, values in watched.celsius]) for index, name in kinds}
        found["temperatures"] = plots.over_time(lines, "°C", from_zero=False)
    return found


Series = dict[str, tuple[list[float], list[float]]]


def _series(rows: Sequence[Row], columns: Mapping[str, str]) -> Series:
    """Return by label the seconds since the first pair and the values of a column, where there are any."""
    found = {}
    for label, column in columns.items():
        having = [row for row in rows if column in row]
        if having:
            seconds = [(row["rgb_stamp"] - rows[0]["rgb_stamp"]) / 1e9 for row in having]
            found[label] = (seconds, [row[column] for row in having])
    return found


def _values(series: Series) -> dict[str, list[float]]:
    return {label: values for label, (_, values) in series.items()}

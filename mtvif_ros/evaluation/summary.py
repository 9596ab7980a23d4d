"""Sum up a replay: how complete it was and how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def latencies(
    pairs: Sequence[tuple[int, int]],
    published: tuple[Mapping[int, float], Mapping[int, float]],
    arrivals: Mapping[int, float],
) -> list[float]:
    """Return for each answered pair the seconds from publishing its later frame to the output.

    `published` maps the visible and the infrared stamps to times, `arrivals` visible stamps.
    """
    sent_rgb, sent_ir = published
    return [arrivals[rgb] - max(sent_rgb[rgb], sent_ir[ir]) for rgb, ir in pairs if rgb in arrivals]


def summarise_topic(pairs: int, seconds: Sequence[float]) -> dict[str, Any]:
    """Return pairs answered and lost, and the latency's p50, p95, p99 in ms (None without answers)."""
    summary: dict[str, Any] = {"answered": len(seconds), "lost": pairs - len(seconds)}
    for percent in (50, 95, 99):
        value = float(np.percentile(seconds, percent)) * 1e3 if seconds else None
        summary[f"latency_p{percent}_ms"] = None if value is None else round(value, 2)
    return summary


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

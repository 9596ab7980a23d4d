"""Make, write and read pairs.csv: one row for each pair."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtvif_ros.command_line import in_short
from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.metrics.steadiness import Steadiness
from mtvif_ros.replay.accounting import latencies
from mtvif_ros.replay.collector import FUSED, SEGMENTATION, Collector
from mtvif_ros.replay.plan import StampPair
from mtvif_ros.replay.player import Sent
from mtvif_ros.replay.scoring import METHODS, Scores

Row = Mapping[str, Any]

_STAMPS = ("rgb_stamp", "ir_stamp")
_LATENCIES = {"fused_latency_ms": FUSED, "segmentation_latency_ms": SEGMENTATION}
COLUMNS = (
    *_STAMPS,
    "distance_ms",
    *_LATENCIES,
    *(f"{name}{'' if method == 'model' else f' {method}'}" for method in METHODS for name in METRICS),
    "miou",
    *Steadiness._fields,
    "confidence",
)


def pair_rows(pairs: Sequence[StampPair], sent: Sent, collector: Collector, scores: Scores) -> Iterator[Row]:
    """Yield one row for each pair: stamps in ns, latencies, scores; what is unknown is left out."""
    taken = {}
    for column, topic in _LATENCIES.items():
        times = {stamp: arrival.time for stamp, arrival in collector.arrivals[topic].items()}
        taken[column] = latencies(pairs, sent, times)
    for rgb, ir in pairs:
        row: dict[str, Any] = {"rgb_stamp": rgb, "ir_stamp": ir, "distance_ms": (ir - rgb) / 1e6}
        row |= {column: round(of[rgb] * 1e3, 3) for column, of in taken.items() if rgb in of}
        if rgb in scores.fusion:
            for method, values in scores.fusion[rgb].items():
                suffix = "" if method == "model" else f" {method}"
                row |= {f"{name}{suffix}": round(value, 5) for name, value in values.items()}
        if rgb in scores.miou:
            row["miou"] = round(scores.miou[rgb], 5)
        if rgb in scores.steadiness:
            row |= {name: round(value, 5) for name, value in scores.steadiness[rgb]._asdict().items()}
        if rgb in collector.confidence:
            row["confidence"] = round(collector.confidence[rgb], 5)
        yield row


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows under every column that they may have. Raises OSError."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path) -> dict[StampPair, dict[str, float]]:
    """Return the numbers of each pair by its stamps. Raises ValueError, also for a missing file."""
    try:
        with path.open(newline="") as stream:
            return {
                (int(row["rgb_stamp"]), int(row["ir_stamp"])): {
                    name: float(value) for name, value in row.items() if value and name not in _STAMPS
                }
                for row in csv.DictReader(stream)
            }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: is not the pairs.csv of a replay: {in_short(error)}") from error

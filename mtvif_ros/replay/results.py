"""Write a replay's numbers: one row a pair, the summary, and where it was made."""

from __future__ import annotations

import csv
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.metrics.steadiness import Steadiness
from mtvif_ros.replay.collector import Collector
from mtvif_ros.replay.run import FUSED, SEGMENTATION, Session
from mtvif_ros.replay.scoring import METHODS, Scored
from mtvif_ros.replay.summary import latencies


def machine() -> dict[str, str]:
    """Return what the numbers depend on: processor, cores, system and versions."""
    found = {"processor": platform.processor() or platform.machine(), "cores": str(os.cpu_count())}
    found |= {"system": platform.platform(), "python": platform.python_version()}
    for package in ("openvino", "onnxruntime", "tensorrt", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def pair_rows(
    pairs: Sequence[tuple[int, int]],
    session: Session,
    collector: Collector,
    scored: dict[int, Scored],
    steady: dict[int, Steadiness],
) -> Iterator[dict[str, Any]]:
    """Yield one row for each pair: stamps, latencies, scores; missing values are left out."""
    of_topic = {
        topic: latencies(pairs, session.published, {s: a.time for s, a in collector.arrivals[topic].items()})
        for topic in (FUSED, SEGMENTATION)
    }
    for rgb, ir in pairs:
        row: dict[str, Any] = {"rgb_stamp": rgb, "ir_stamp": ir, "distance_ms": (ir - rgb) / 1e6}
        for name, topic in (("fused", FUSED), ("segmentation", SEGMENTATION)):
            if rgb in of_topic[topic]:
                row[f"{name}_latency_ms"] = round(of_topic[topic][rgb] * 1e3, 3)
        if rgb in scored:
            for method, values in scored[rgb].fusion.items():
                suffix = "" if method == METHODS[0] else f" {method}"
                row |= {f"{name}{suffix}": round(value, 5) for name, value in values.items()}
        if rgb in steady:
            row |= {name: round(value, 5) for name, value in steady[rgb]._asdict().items()}
        yield row


def write_json(path: Path, summary: Mapping[str, Any]) -> None:
    """Write the summary. Raises OSError."""
    path.write_text(json.dumps(summary, indent=2) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of pair_rows under every column that they may have. Raises OSError."""
    names = ["rgb_stamp", "ir_stamp", "distance_ms", "fused_latency_ms", "segmentation_latency_ms"]
    names += [f"{name}{suffix}" for suffix in ("", *(f" {m}" for m in METHODS[1:])) for name in METRICS]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*names, *Steadiness._fields])
        writer.writeheader()
        writer.writerows(rows)

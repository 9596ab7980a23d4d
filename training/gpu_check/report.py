"""Write down what a check measured: a JSON file, and tables for docs/benchmarks.md."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mtvif_ros.machine import Machine
from mtvif_ros.names import with_ending
from training.gpu_check.card import Card
from training.gpu_check.process import Outcome

SCHEMA = 1


@dataclass
class Report:
    """Hold a check's date, its machine and GPU, the versions of packages, and every part's outcome."""

    date: str
    machine: Machine
    gpu: Card
    versions: dict[str, str]
    parts: list[Outcome] = field(default_factory=list)


def write_report(report: Report, path: Path) -> None:
    """Write the report as JSON; a crash leaves the file of before."""
    content = {"schema": SCHEMA} | asdict(report) | {"gpu": report.gpu._asdict()}
    partial = with_ending(path, ".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(partial, path)


Cell = Callable[[Any], str]

_ENGINE: dict[str, tuple[str, Cell]] = {
    "model": ("model", str),
    "engine": ("engine", str),
    "build_s": ("build s", "{:.1f}".format),
    "p50_ms": ("p50 ms", "{:.2f}".format),
    "p99_ms": ("p99 ms", "{:.2f}".format),
    "pairs_per_s": ("pairs/s", "{:.0f}".format),
    "mask_equal": ("mask equal", "{:.3%}".format),
    "within_one": ("fused within 1", "{:.3%}".format),
}


def format_report(report: Report) -> str:
    """Return Markdown: the machine, a table of engines, one of training steps, tests, and what is missing."""
    gpu = f"{report.gpu.name}, driver {report.gpu.driver}"
    blocks = [f"{gpu}, {report.machine.line()}, {report.date}, `make gpu-check`:"]
    engines = [one.result for one in report.parts if "build_s" in one.result]
    if engines:
        rows = [
            [shown(one[key]) if key in one else "-" for key, (_, shown) in _ENGINE.items()] for one in engines
        ]
        blocks.append(_table([title for title, _ in _ENGINE.values()], rows))
    steps = [one for one in report.parts if "step_ms" in one.result]
    if steps:
        rows = [
            [
                one.name,
                "{} of {}x{}".format(one.result["batch"], *one.result["crop"]),
                str(one.result["step_ms"]),
            ]
            for one in steps
        ]
        blocks.append(_table(["training step", "batch", "ms"], rows))
    for one in report.parts:
        if "passed" in one.result:
            counts = f"{one.result['passed']} passed, {len(one.result['failed'])} failed"
            blocks.append(f"{one.name}: {counts}, {len(one.result['skipped'])} skipped.")
    missing = [
        f"- {one.name}: {one.status}: {one.reason}" for one in report.parts if one.status != "measured"
    ]
    if missing:
        blocks.append("\n".join(missing))
    return "\n\n".join(blocks)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

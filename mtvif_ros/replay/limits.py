"""Hold a replay against limits that the user sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

DEFAULT_LIMITS: dict[str, Any] = {"completeness.lost": {"max": 0}, "completeness.agree": {"min": 1}}


class LimitsError(ValueError):
    """Say what is wrong with a file of limits."""


class Verdict(NamedTuple):
    """Hold one limit, what was measured (None when nothing was), and whether it holds."""

    name: str
    measured: float | None
    limit: str
    holds: bool


def read_limits(path: Path | None) -> dict[str, Any]:
    """Read limits: `name: {max: …}` or `{min: …}` by the names of figures(); without a path, the defaults.

    Raises LimitsError naming the file and the entry that is wrong.
    """
    if path is None:
        return DEFAULT_LIMITS
    try:
        limits = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise LimitsError(f"--limits {path}: cannot be read: {error}") from error
    if not isinstance(limits, dict):
        raise LimitsError(f"--limits {path}: needs lines such as `latency.p99_ms: {{max: 45}}`")
    for name, bounds in limits.items():
        if not isinstance(bounds, dict) or not bounds or set(bounds) - {"min", "max"}:
            raise LimitsError(f"--limits {path}: {name}: needs min, max or both, got {bounds!r}")
        if not all(isinstance(bound, (int, float)) for bound in bounds.values()):
            raise LimitsError(f"--limits {path}: {name}: bounds must be numbers, got {bounds!r}")
    return limits


def figures(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return every number of a summary that a limit may name."""
    topics = summary["topics"].values()
    found: dict[str, float] = {"completeness.lost": max(topic["lost"] for topic in topics)}
    if summary["counts"]["agree"] is not None:
        found["completeness.agree"] = float(summary["counts"]["agree"])
    for percent in (50, 95, 99):
        values = [topic[f"latency_p{percent}_ms"] for topic in topics]
        if None not in values:
            found[f"latency.p{percent}_ms"] = max(values)
    found |= {f"load.{name}": value for name, value in summary["load"].items()}
    quality = summary["quality"]
    for name, value in quality.get("fusion", {}).get("model", {}).items():
        found[f"fusion.{name}"] = value
        found[f"fusion.{name}_over_max"] = value - quality["fusion"]["max"][name]
    for name, value in quality.get("iou", {}).items():
        if value is not None:
            found[f"iou.{name}"] = value
    for name in ("miou", "flicker", "changed", "unexplained"):
        if name in quality:
            found[name] = quality[name]
    return found


def judge(summary: Mapping[str, Any], limits: Mapping[str, Any]) -> list[Verdict]:
    """Return a verdict for every limit; what was not measured does not hold."""
    measured = figures(summary)
    return [_verdict(name, measured.get(name), bounds) for name, bounds in limits.items()]


def _verdict(name: str, value: float | None, bounds: Mapping[str, float]) -> Verdict:
    low, high = bounds.get("min"), bounds.get("max")
    words = [f"at least {low}"] if low is not None else []
    words += [f"at most {high}"] if high is not None else []
    holds = value is not None and (low is None or value >= low) and (high is None or value <= high)
    return Verdict(name, value, " and ".join(words), holds)

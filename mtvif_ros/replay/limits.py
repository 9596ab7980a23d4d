"""Judge a replay by limits that the user sets, in sentences that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mtvif_ros.command_line import in_short
from mtvif_ros.replay.summary import Summary, Verdict

Limits = Mapping[str, Mapping[str, float]]

DEFAULT_LIMITS: Limits = {
    "completeness.lost": {"max": 0},
    "completeness.agree": {"min": 1},
    "completeness.answered_share": {"min": 0.99},
    "completeness.paired_share": {"min": 0.5},
}


class LimitsError(ValueError):
    """Say what is wrong with a file of limits."""


def read_limits(path: Path | None) -> Limits:
    """Read lines such as `latency.p99_ms: {max: 45}`, named as figures() names them; None: the defaults.

    Raises LimitsError naming the file and the wrong entry.
    """
    if path is None:
        return DEFAULT_LIMITS
    try:
        limits: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LimitsError(f"--limits {path}: cannot be read: {in_short(error)}") from error
    if not isinstance(limits, dict) or not limits:
        raise LimitsError(f"--limits {path}: needs lines such as `latency.p99_ms: {{max: 45}}`")
    for name, bounds in limits.items():
        if not isinstance(bounds, dict) or not bounds or set(bounds) - {"min", "max"}:
            raise LimitsError(f"--limits {path}: {name}: needs min, max or both, got {bounds!r}")
        if not all(isinstance(bound, (int, float)) for bound in bounds.values()):
            raise LimitsError(f"--limits {path}: {name}: bounds must be numbers, got {bounds!r}")
    return limits


def figures(summary: Summary) -> dict[str, float]:
    """Return every number of a summary that a limit may name; of both topics, the worse one's."""
    topics = summary.topics.values()
    found: dict[str, float] = {
        "completeness.lost": max(topic.lost for topic in topics),
        "completeness.answered_share": summary.slowest.answered / max(1, summary.pairs),
        "completeness.paired_share": summary.pairs / max(1, min(summary.frames)),
    }
    if summary.counts is not None:
        found["completeness.agree"] = float(not summary.counts.gaps())
    for percent in (50, 95, 99):
        values = [ms for topic in topics if (ms := topic.latency_ms(percent)) is not None]
        if len(values) == len(topics):
            found[f"latency.p{percent}_ms"] = max(values)
    if (watch := summary.watch) is not None:
        found["recording.findings"] = len(watch.findings)
        measured = {"clock_ms": watch.clock_ms, "shift_px": watch.shift_px}
        found |= {f"recording.{name}": value for name, value in measured.items() if value is not None}
    if summary.load is not None:
        found |= {f"load.{name}": value for name, value in vars(summary.load).items()}
    if (quality := summary.quality) is None:
        return found
    for name, value in quality.fusion["model"].items():
        found[f"fusion.{name}"] = value
        found[f"fusion.{name}_over_max"] = value - quality.fusion["max"][name]
    for name, iou in (quality.iou or {}).items():
        if iou is not None:
            found[f"iou.{name}"] = iou
    for name in ("miou", "flicker", "flicker_over_max", "changed", "unexplained", "confidence"):
        if (mean := getattr(quality, name)) is not None:
            found[name] = mean
    return found


def judge(summary: Summary, limits: Limits) -> tuple[Verdict, ...]:
    """Return a verdict for every limit; one on something that was not measured does not hold."""
    measured = figures(summary)
    return tuple(_judge(summary, name, measured.get(name), bounds) for name, bounds in limits.items())


def _judge(summary: Summary, name: str, value: float | None, bounds: Mapping[str, float]) -> Verdict:
    low, high = bounds.get("min"), bounds.get("max")
    words = [f"at least {low}"] if low is not None else []
    words += [f"at most {high}"] if high is not None else []
    limit = " and ".join(words)
    holds = value is not None and (low is None or value >= low) and (high is None or value <= high)
    if name in _SENTENCES:
        sentence = _SENTENCES[name](summary)
    elif value is None:
        sentence = f"{name} was not measured; the limit is {limit}."
    else:
        sentence = f"{name} is {value:.4g}; the limit is {limit}."
    return Verdict(name, value, limit, holds, sentence)


def _about_lost(summary: Summary) -> str:
    lost = {topic: of.lost for topic, of in summary.topics.items() if of.lost}
    if not lost:
        return "Every pair is accounted for."
    told = " and ".join(f"{number} of {summary.pairs} on {topic}" for topic, number in lost.items())
    return (
        f"Pairs were lost, {told}: they were neither answered, superseded, failed nor skipped. "
        "Look for messages dropped by DDS and for frames without a partner in the counts below."
    )


def _about_counts(summary: Summary) -> str:
    if summary.counts is None:
        return "The node sent no diagnostics, so its counts cannot be compared with what was sent."
    gaps = summary.counts.gaps()
    if not gaps:
        return "The node accounts for every frame that was sent."
    return f"The node's counts disagree: {'; '.join(gaps)}."


def _about_answers(summary: Summary) -> str:
    worst = summary.slowest
    answered = f"The node answered {worst.answered} of {summary.pairs} pairs"
    reasons = [f"{worst.failed} failed, see node.log"] if worst.failed else []
    if worst.skipped:
        reasons.append(f"{worst.skipped} {'was' if worst.skipped == 1 else 'were'} skipped for rate.maximum")
    if worst.lost:
        reasons.append(f"{worst.lost} {'was' if worst.lost == 1 else 'were'} lost")
    if worst.superseded:
        were = "1 was" if worst.superseded == 1 else f"{worst.superseded} were"
        reasons.append(f"{were} superseded by newer ones{_because(summary)}")
    if not reasons:
        return f"{answered}."
    advice = ""
    if worst.superseded > 0.01 * summary.pairs:
        advice = " Use a smaller model size or a faster machine, or replay with --fast."
    return f"{answered}; {'; '.join(reasons)}.{advice}"


def _about_pairs(summary: Summary) -> str:
    slower = min(summary.frames)
    told = f"Of {slower} frames of the slower camera, {summary.pairs} have a partner."
    return told if 2 * summary.pairs >= slower else f"{told} See --slop, --offset and --arrival."


def _because(summary: Summary) -> str:
    if summary.load is None:
        return ""
    return (
        f", because inference takes {summary.load.inference_p50_ms:.0f} ms and everything else "
        f"{summary.load.outside_inference_p50_ms:.0f} ms, while a pair comes every "
        f"{summary.pair_interval_ms:.0f} ms"
    )


_SENTENCES = {
    "completeness.lost": _about_lost,
    "completeness.agree": _about_counts,
    "completeness.answered_share": _about_answers,
    "completeness.paired_share": _about_pairs,
}

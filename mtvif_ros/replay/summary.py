"""Hold what a replay found out, write it as summary.json and read it back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mtvif_ros.command_line import in_short
from mtvif_ros.machine import Machine

SCHEMA = 7
"""The version of summary.json; a change of its keys or of their meaning raises it."""


class SummaryError(ValueError):
    """Say which file is no summary that this version can read, and what to do."""


@dataclass(frozen=True)
class TopicSummary:
    """Hold what became of all pairs on one output topic.

    Every pair is answered, superseded (the node took a newer one instead), failed (the node could not process
    it), skipped (an external node's rate.maximum) or lost (nobody accounts for it). unexpected: outputs that
    belong to no pair. Latencies run from publishing a pair's later frame to receiving the output;
    behind_newest: how much older an answered pair was than the newest one at the time. They are None without
    answers.
    """

    answered: int
    superseded: int
    failed: int
    lost: int
    unexpected: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    behind_newest_p99_ms: float | None
    skipped: int = 0

    def latency_ms(self, percentile: int) -> float | None:
        """Return the latency at percentile 50, 95 or 99."""
        found: float | None = getattr(self, f"latency_p{percentile}_ms")
        return found


@dataclass(frozen=True)
class CameraCounts:
    """Hold how many frames of a camera were sent, and how they ended by the node's own counts."""

    topic: str
    sent: int
    paired: int
    unpaired: int
    late: int
    duplicate: int
    overflowed: int
    alone: int = 0

    @property
    def ended(self) -> int:
        """How many frames the node accounts for."""
        return self.paired + self.alone + self.unpaired + self.late + self.duplicate + self.overflowed


@dataclass(frozen=True)
class Counts:
    """Hold what the node counted during the replay: its pairs, and the frames by camera (`rgb`, `ir`).

    alone: answers to frames without a partner. rgb_only, ir_only: answers, of both kinds, that rest on one
    camera. superseded, failed and skipped count pairs and frames without a partner alike.
    """

    answered: int
    superseded: int
    failed: int
    cameras: dict[str, CameraCounts]
    skipped: int = 0
    alone: int = 0
    rgb_only: int = 0
    ir_only: int = 0

    def gaps(self) -> list[str]:
        """Return in words what is missing from the counts; nothing when they agree.

        They agree when each frame sent is in one count, and each pair made and each frame that went alone was
        answered, superseded, failed or skipped.
        """
        found = [
            f"{one.sent} frames were sent on {one.topic}, but the node counts {one.ended}"
            for one in self.cameras.values()
            if one.sent != one.ended
        ]
        alone = sum(camera.alone for camera in self.cameras.values())
        made = self.cameras["rgb"].paired + alone
        ended = self.answered + self.alone + self.superseded + self.failed + self.skipped
        if made != ended:
            frames = f" and took {alone} frames alone" if alone else ""
            found.append(f"the node made {made - alone} pairs{frames}, but {ended} of them ended")
        return found


@dataclass(frozen=True)
class Load:
    """Hold what the node says about its memory in MB, CPU in cores and times in ms."""

    memory_first_mb: float
    memory_last_mb: float
    memory_peak_mb: float
    cpu_cores: float
    inference_p50_ms: float
    outside_inference_p50_ms: float


@dataclass(frozen=True)
class Quality:
    """Hold the means over the scored pairs.

    fusion: metrics by method and name. iou: by class, None where a class is not labelled, which miou leaves
    out; None without labels, like miou and confusion [label][predicted]. flicker, changed, unexplained: see
    Steadiness; None without neighbouring pairs. flicker_over_max: see FlickerMeter. confidence: mean over all
    pixels of the masks, 0..1; None if the node sent none.
    """

    scored: int
    scored_per_second: float
    fusion: dict[str, dict[str, float]]
    iou: dict[str, float | None] | None
    miou: float | None
    confusion: list[list[int]] | None
    flicker: float | None
    flicker_over_max: float | None
    changed: float | None
    unexplained: float | None
    confidence: float | None = None


Spell = tuple[float, float]
"""When something began and ended, in s since the recording's first frame."""


@dataclass(frozen=True)
class Finding:
    """Hold what was wrong with a recording, of what kind, when, and all of it in a sentence."""

    kind: str
    spells: tuple[Spell, ...]
    sentence: str


@dataclass(frozen=True)
class Watch:
    """Hold what a look through the recording gave; None is what it did not show.

    unchecked: what could not be checked, and why. clock_ms: the infrared minus the visible clock, with its
    standard error. shift_px: how far infrared lies off the visible picture. coldest, warmest: in °C.
    """

    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]
    clock_ms: float | None
    clock_uncertainty_ms: float | None
    shift_px: float | None
    coldest: float | None
    warmest: float | None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Watch:
        """Return the watch of a summary.json."""
        findings = tuple(
            Finding(one["kind"], tuple((begin, end) for begin, end in one["spells"]), one["sentence"])
            for one in data["findings"]
        )
        return cls(**{**data, "findings": findings, "unchecked": tuple(data["unchecked"])})


@dataclass(frozen=True)
class ModelUsed:
    """Name the model file that answered, and the sizes at which it computed, in turn, as HEIGHTxWIDTH."""

    file: str
    version: str
    sha256: str
    sizes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Hold one limit, what was measured (None: nothing), whether it holds, and all of it in a sentence."""

    name: str
    measured: float | None
    limit: str
    holds: bool
    sentence: str


@dataclass(frozen=True)
class Summary:
    """Hold everything that summary.json says.

    cameras: the bag's topics. frames: sent, visible and infrared. pair_interval_ms: the median time from
    pair to pair as they were played. repeated: outputs that came twice. counts, load, quality, watch: None
    when the node reported nothing, no pair was scored or nobody asked. problems: what went wrong with the
    results themselves. node: the end of the node's log.
    """

    bag: str
    bag_damage: str
    cameras: tuple[str, str]
    frames: tuple[int, int]
    pairs: int
    pair_interval_ms: float
    pair_distance_median_ms: float
    pair_distance_largest_ms: float
    topics: dict[str, TopicSummary]
    repeated: int
    counts: Counts | None
    load: Load | None
    quality: Quality | None
    watch: Watch | None
    limits: tuple[Verdict, ...]
    problems: tuple[str, ...]
    model: ModelUsed
    classes: tuple[str, ...]
    machine: Machine
    command: str
    node: str

    @property
    def passed(self) -> bool:
        """Whether all limits hold."""
        return all(verdict.holds for verdict in self.limits)

    @property
    def slowest(self) -> TopicSummary:
        """The topic with the fewest answers."""
        return min(self.topics.values(), key=lambda one: one.answered)

    def to_json(self) -> dict[str, Any]:
        """Return what summary.json holds."""
        return {"schema": SCHEMA, "passed": self.passed, **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Summary:
        """Return the summary that to_json gave. Raises KeyError or TypeError for anything else."""
        fields = {name: value for name, value in data.items() if name not in ("schema", "passed")}
        counts, load, quality, watch = (fields[name] for name in ("counts", "load", "quality", "watch"))
        if counts is not None:
            cameras = {name: CameraCounts(**one) for name, one in counts["cameras"].items()}
            counts = Counts(**{**counts, "cameras": cameras})
        return cls(
            **{
                **fields,
                "cameras": tuple(fields["cameras"]),
                "frames": tuple(fields["frames"]),
                "topics": {name: TopicSummary(**one) for name, one in fields["topics"].items()},
                "counts": counts,
                "load": None if load is None else Load(**load),
                "quality": None if quality is None else Quality(**quality),
                "watch": None if watch is None else Watch.from_json(watch),
                "limits": tuple(Verdict(**one) for one in fields["limits"]),
                "problems": tuple(fields["problems"]),
                "model": ModelUsed(**{**fields["model"], "sizes": tuple(fields["model"]["sizes"])}),
                "classes": tuple(fields["classes"]),
                "machine": Machine(**fields["machine"]),
            }
        )


def write_summary(path: Path, summary: Summary) -> None:
    """Write summary.json. Raises OSError."""
    path.write_text(json.dumps(summary.to_json(), indent=2) + "\n")


def read_summary(path: Path) -> Summary:
    """Read a summary.json. Raises SummaryError for another schema and for anything else than a summary."""
    try:
        data = json.loads(path.read_text())
        schema = data.get("schema", 1)
    except (OSError, ValueError, AttributeError) as error:
        raise SummaryError(f"{path}: is not the summary of a replay: {error}") from error
    if schema != SCHEMA:
        raise SummaryError(
            f"{path}: has schema {schema}, but this version reads schema {SCHEMA}; run mtvif_replay again"
        )
    try:
        return Summary.from_json(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise SummaryError(f"{path}: is not the summary of a replay: {in_short(error)}") from error


def format_table(summary: Summary) -> str:
    """Return as a text table what became of the pairs and how long answers took, one line a topic."""
    ends = ("answered", "superseded", "failed", "skipped", "lost")
    heads = ("topic", "pairs", *ends, "p50 ms", "p95 ms", "p99 ms")
    rows: list[tuple[str, ...]] = [heads]
    for name, of in summary.topics.items():
        numbers = [summary.pairs, *(getattr(of, end) for end in ends)]
        latencies = [of.latency_ms(percentile) for percentile in (50, 95, 99)]
        rows.append((name, *map(str, numbers), *("-" if ms is None else f"{ms:.1f}" for ms in latencies)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells))
    return "\n".join(lines)

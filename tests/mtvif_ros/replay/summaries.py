"""Summaries as replays give them, without a replay."""

from typing import Any

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.machine import this_machine
from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.replay.scoring import METHODS
from mtvif_ros.replay.summary import CameraCounts, Counts, Load, ModelUsed, Quality, Summary, TopicSummary

QUALITY = Quality(
    scored=3,
    scored_per_second=5.0,
    fusion={method: dict.fromkeys(METRICS, 1.1 if method == "model" else 1.0) for method in METHODS},
    iou={**dict.fromkeys(STREET_NAMES, 0.5), "bump": None},
    miou=0.5,
    confusion=[[int(row == column) for column in range(9)] for row in range(9)],
    flicker=1.0,
    flicker_over_max=1.08,
    changed=0.01,
    unexplained=0.01,
)


def topic(
    answered: int, superseded: int = 0, failed: int = 0, lost: int = 0, p99: float = 30.0
) -> TopicSummary:
    latencies = (20.0, 25.0, p99, 0.0) if answered else (None,) * 4
    return TopicSummary(answered, superseded, failed, lost, 0, *latencies)


def summary(of: TopicSummary | None = None, **changes: Any) -> Summary:
    """A replay of which both topics look like `of`; without it, all of three pairs were answered."""
    of = of or topic(3)
    pairs = of.answered + of.superseded + of.failed + of.lost
    cameras = {name: CameraCounts(f"/{name}", pairs, pairs, 0, 0, 0, 0) for name in ("rgb", "ir")}
    values: dict[str, Any] = {
        "bag": "a <bag>",
        "bag_damage": "",
        "cameras": ("/rgb", "/ir"),
        "frames": (pairs, pairs),
        "pairs": pairs,
        "pair_interval_ms": 33.3,
        "pair_distance_median_ms": 0.1,
        "pair_distance_largest_ms": 0.3,
        "topics": {"/mtvif/fused": of, "/mtvif/segmentation": of},
        "repeated": 0,
        "counts": Counts(pairs - of.superseded - of.failed, of.superseded, of.failed, cameras),
        "load": Load(300.0, 310.0, 320.0, 1.1, 31.0, 8.0),
        "quality": QUALITY if of.answered else None,
        "watch": None,
        "limits": (),
        "problems": (),
        "model": ModelUsed("m.onnx", "1", "0" * 64),
        "classes": STREET_NAMES,
        "machine": this_machine(),
        "command": "mtvif_replay",
        "node": "",
    }
    return Summary(**(values | changes))

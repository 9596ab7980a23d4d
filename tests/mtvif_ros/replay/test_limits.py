from pathlib import Path
from typing import Any

import pytest

from mtvif_ros.replay.limits import LimitsError, figures, judge, read_limits

SUMMARY: dict[str, Any] = {
    "topics": {
        "/mtvif/fused": {"lost": 1, "latency_p50_ms": 20.0, "latency_p95_ms": 25.0, "latency_p99_ms": 30.0},
        "/mtvif/segmentation": {
            "lost": 0,
            "latency_p50_ms": 18.0,
            "latency_p95_ms": 25.0,
            "latency_p99_ms": 28.0,
        },
    },
    "counts": {"agree": True},
    "load": {"memory_peak_mb": 400.0},
    "quality": {
        "fusion": {"model": {"VIF": 1.1}, "max": {"VIF": 1.0}},
        "iou": {"car": 0.9, "bump": None},
        "miou": 0.9,
        "flicker": 1.02,
    },
}


def test_the_worse_topic_counts() -> None:
    found = figures(SUMMARY)
    assert (found["completeness.lost"], found["latency.p99_ms"]) == (1, 30.0)
    assert found["fusion.VIF_over_max"] == pytest.approx(0.1)
    assert "iou.bump" not in found


def test_each_limit_gets_a_verdict_and_what_was_not_measured_does_not_hold() -> None:
    limits = {"latency.p99_ms": {"max": 30}, "iou.car": {"min": 0.95}, "iou.bump": {"min": 0.1}}
    assert [one.holds for one in judge(SUMMARY, limits)] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1, 2]", "needs lines such as"),
        ("miou: 3", "miou: needs min, max or both"),
        ("miou: {at_least: 3}", "miou: needs min, max or both"),
        ("miou: {min: high}", "bounds must be numbers"),
        ("{", "cannot be read"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text(text)
    with pytest.raises(LimitsError, match=told):
        read_limits(tmp_path / "limits.yaml")

from dataclasses import replace
from pathlib import Path

import pytest

from mtvif_ros.replay.limits import DEFAULT_LIMITS, Limits, LimitsError, figures, judge, read_limits
from tests.mtvif_ros.replay.summaries import summary, topic


def test_the_worse_topic_counts() -> None:
    topics = {"/mtvif/fused": topic(2, lost=1), "/mtvif/segmentation": topic(3, p99=28.0)}
    found = figures(summary(topics=topics))
    assert (found["completeness.lost"], found["latency.p99_ms"]) == (1, 30.0)
    assert found["completeness.answered_share"] == pytest.approx(2 / 3)
    assert found["fusion.VIF_over_max"] == pytest.approx(0.1)
    assert "iou.bump" not in found


def test_each_limit_gets_a_verdict_and_what_was_not_measured_does_not_hold() -> None:
    limits: Limits = {"latency.p99_ms": {"max": 30}, "iou.car": {"min": 0.95}, "iou.bump": {"min": 0.1}}
    assert [one.holds for one in judge(summary(), limits)] == [True, False, False]


def test_superseded_pairs_are_not_lost_but_the_node_did_not_keep_up() -> None:
    lost, agree, share, _ = judge(summary(topic(404, superseded=196)), DEFAULT_LIMITS)
    assert lost.holds and lost.sentence == "Every pair is accounted for."
    assert agree.holds
    assert not share.holds
    assert share.sentence == (
        "The node answered 404 of 600 pairs; 196 were superseded by newer ones, because inference "
        "takes 31 ms and everything else 8 ms, while a pair comes every 33 ms. Use a smaller model size "
        "or a faster machine, or replay with --fast."
    )


def test_pairs_that_a_rate_limit_skipped_are_neither_lost_nor_superseded() -> None:
    lost, _, share, _ = judge(summary(replace(topic(1), skipped=2), pairs=3), DEFAULT_LIMITS)
    assert lost.holds and not share.holds
    assert share.sentence == "The node answered 1 of 3 pairs; 2 were skipped for rate.maximum."


def test_lost_pairs_are_told_by_topic() -> None:
    lost, *_ = judge(summary(topic(2, lost=1)), DEFAULT_LIMITS)
    assert not lost.holds and "1 of 3 on /mtvif/fused" in lost.sentence


def test_a_node_without_diagnostics_is_told() -> None:
    verdicts = judge(replace(summary(), counts=None), DEFAULT_LIMITS)
    assert [one.holds for one in verdicts] == [True, False, True, True]
    assert "sent no diagnostics" in verdicts[1].sentence


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1, 2]", "needs lines such as"),
        ("miou: 3", "miou: needs min, max or both"),
        ("miou: {at_least: 3}", "miou: needs min, max or both"),
        ("miou: {min: high}", "bounds must be numbers"),
        ("{", "cannot be read"),
        ("\xff", "cannot be read"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(LimitsError, match=told) as raised:
        read_limits(tmp_path / "limits.yaml")
    assert len(str(raised.value).splitlines()) == 1 and str(tmp_path / "limits.yaml") in str(raised.value)


def test_a_verdict_over_few_of_the_frames_is_no_pass() -> None:
    *_, paired = judge(summary(topic(1), frames=(30, 30)), DEFAULT_LIMITS)
    assert not paired.holds
    assert "Of 30 frames of the slower camera, 1 have a partner. See --slop" in paired.sentence

from pathlib import Path

import pytest

from mtvif_ros.replay.accounting import (
    account,
    behind_newest,
    count,
    first_pass_states,
    latencies,
    load,
    sizes,
)
from mtvif_ros.replay.collector import FUSED, Arrival, Collector, HealthReport
from mtvif_ros.replay.player import Sent

PAIRS = [(1, 11), (2, 12), (3, 13)]


@pytest.fixture
def sent() -> Sent:
    return Sent(({1: 5.0, 2: 6.0, 3: 7.0}, {11: 5.5, 12: 5.9, 13: 7.5}), [3, 3])


def report(**values: int) -> HealthReport:
    return HealthReport(0.0, 0, "", {key.replace("_", ".", 1): str(n) for key, n in values.items()}, b"")


def test_latency_counts_from_the_later_frame(sent: Sent) -> None:
    assert latencies(PAIRS[:1], sent, {1: 6.0}) == {1: 0.5}


def test_an_answer_is_behind_the_newest_pair_that_was_there(sent: Sent) -> None:
    assert behind_newest(PAIRS, sent, {1: 6.2, 3: 9.0}) == [0.5, 0.0]


@pytest.mark.parametrize(
    ("superseded", "failed", "skipped", "lost"),
    [(2, 0, 0, 0), (1, 1, 0, 0), (0, 0, 2, 0), (1, 0, 0, 1), (0, 0, 1, 1), (0, 0, 0, 2)],
)
def test_a_pair_is_lost_only_if_the_node_does_not_account_for_it(
    superseded: int, failed: int, skipped: int, lost: int, sent: Sent, tmp_path: Path
) -> None:
    ends = {"pairs_superseded": superseded, "pairs_failed": failed, "pairs_skipped": skipped}
    counts = count(report(pairs_answered=1, **ends), None, sent)
    with Collector(tmp_path / "spool", keep=lambda stamp: False) as collector:
        collector.arrivals[FUSED][1] = Arrival(6.0, 0, 0)
        found = account(PAIRS, sent, counts, collector, FUSED)
    ended = found.answered, found.superseded, found.failed, found.skipped, found.lost
    assert ended == (1, superseded, failed, skipped, lost)


def test_what_a_running_node_counted_before_does_not_count(sent: Sent) -> None:
    before = report(pairs_answered=10, rgb_paired=10, ir_paired=10)
    after = report(pairs_answered=13, rgb_paired=13, ir_paired=12, ir_late=1)
    counts = count(after, before, sent)
    assert counts is not None and counts.answered == 3
    assert counts.cameras["ir"].paired == 2 and counts.gaps() == []


def test_counts_that_disagree_are_named(sent: Sent) -> None:
    counts = count(report(pairs_answered=1, rgb_paired=2, ir_paired=3), None, sent)
    assert counts is not None
    assert counts.gaps() == [
        "3 frames were sent on rgb, but the node counts 2",
        "the node made 2 pairs, but 1 of them ended",
    ]


def test_a_frame_that_went_alone_is_accounted_for_and_its_answer_expected(sent: Sent, tmp_path: Path) -> None:
    told = report(rgb_paired=2, ir_paired=2, rgb_alone=1, ir_unpaired=1, pairs_answered=2, alone_answered=1)
    counts = count(told, None, sent)
    assert counts is not None and counts.gaps() == []
    with Collector(tmp_path / "spool", keep=lambda stamp: False) as collector:
        collector.arrivals[FUSED] |= {1: Arrival(6.0, 0, 0), 2: Arrival(6.5, 0, 0), 77: Arrival(8.0, 0, 0)}
        found = account(PAIRS[:2], sent, counts, collector, FUSED)
    assert (found.answered, found.lost, found.unexpected) == (2, 0, 0)


def test_without_reports_nothing_is_counted(sent: Sent) -> None:
    assert count(None, None, sent) is None
    assert load([]) is None


def test_the_sizes_that_the_model_computed_are_told_in_turn() -> None:
    def working_at(size: str | None) -> HealthReport:
        told = {"inference.p50_ms": "9.0"} | ({"model.size": size} if size else {})
        return HealthReport(0.0, 0, "", told, b"")

    waiting = HealthReport(0.0, 0, "", {"model.size": "720x960"}, b"")
    reports = [waiting, *map(working_at, ("480x640", "480x640", "384x512", None, "480x640"))]
    assert sizes(reports) == ("480x640", "384x512", "480x640")


def test_states_told_before_the_first_frame_are_of_no_recording() -> None:
    sent = Sent(moments=[(10.0, 500), (11.0, 600), (12.0, 700)])
    states = [(9.0, ""), (11.5, "rgb"), (11.9, "rgb+ir")]
    assert first_pass_states(states, sent, 700) == ([(600, "rgb"), (600, "rgb+ir")], 700)


def test_states_are_those_up_to_the_last_frame_of_the_first_pass() -> None:
    sent = Sent(moments=[(float(at), 100 * at) for at in range(20)])
    states = [(0.5, "rgb+ir"), (6.5, "rgb"), (9.5, "rgb+ir"), (16.5, "rgb")]
    assert first_pass_states(states, sent, 900) == ([(0, "rgb+ir"), (600, "rgb")], 900)
    ended_early = Sent(moments=sent.moments[:8])
    assert first_pass_states(states, ended_early, 900) == ([(0, "rgb+ir"), (600, "rgb")], 700)

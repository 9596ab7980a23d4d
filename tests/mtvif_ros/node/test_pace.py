"""When the engine should take another size: after what load, and how often."""

from collections.abc import Iterable
from itertools import count, islice

import pytest

from mtvif_ros.node.health import HealthReport
from mtvif_ros.node.pace import Pace, Step
from tests.mtvif_ros.node.reports import Seconds

GROWTH = 1.3


@pytest.fixture
def pace() -> Pace:
    return Pace(30)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def steps(
    pace: Pace, reports: Iterable[HealthReport], number: int, growth: float | None = GROWTH
) -> list[Step]:
    return [pace.advise(report, growth) for report in islice(reports, number)]


def test_three_seconds_of_lag_call_for_a_smaller_size(pace: Pace, seconds: Seconds) -> None:
    assert steps(pace, seconds(20, superseded=10, inference=35), 4) == [
        Step.NONE,
        Step.NONE,
        Step.SMALLER,
        Step.NONE,
    ]


def test_answers_that_wait_for_each_other_call_for_a_smaller_size(pace: Pace, seconds: Seconds) -> None:
    """34 of 33 ms: the next stall costs pairs."""
    assert steps(pace, seconds(30, inference=19, beside=15), 3)[-1] is Step.SMALLER


@pytest.mark.parametrize(("answered", "inference", "beside"), [(30, 19, 12), (30, 13, 21), (15, 30, 10)])
def test_answers_with_time_to_spare_or_slow_beside_inference_change_nothing(
    answered: int, inference: float, beside: float, pace: Pace, seconds: Seconds
) -> None:
    reports = seconds(answered, inference=inference, beside=beside)
    assert set(steps(pace, reports, 10)) == {Step.NONE}


def test_a_short_stall_changes_nothing(pace: Pace, seconds: Seconds) -> None:
    for _ in range(5):
        assert steps(pace, seconds(20, superseded=10, inference=35), 2) == [Step.NONE] * 2
        assert steps(pace, seconds(30, inference=25), 1) == [Step.NONE]


def test_inference_of_over_a_second_is_a_lag(pace: Pace, seconds: Seconds) -> None:
    reports = (next(seconds(every, superseded=30 - every, inference=1500)) for every in (1, 0, 1))
    assert steps(pace, reports, 3)[-1] is Step.SMALLER


@pytest.mark.parametrize(
    ("answered", "superseded", "inference"),
    [
        (31, 29, 32),  # a camera faster than the rate
        (24, 1, 20),  # a slower one, of which nearly all is answered
        (10, 5, 20),  # a slower one, for which inference is fast enough: something else is not
        (20, 10, 8),
    ],
)
def test_what_is_no_lag_of_inference_changes_nothing(
    answered: int, superseded: int, inference: float, pace: Pace, seconds: Seconds
) -> None:
    assert set(steps(pace, seconds(answered, superseded, inference), 10)) == {Step.NONE}


def test_a_size_that_would_take_its_share_at_most_is_tried_after_300_answers(
    pace: Pace, seconds: Seconds
) -> None:
    assert steps(pace, seconds(30, inference=10), 11).index(Step.LARGER) == 9


@pytest.mark.parametrize(("inference", "growth"), [(12, GROWTH), (10, None)])
def test_a_size_that_would_take_more_or_does_not_exist_is_never_tried(
    inference: float, growth: float | None, pace: Pace, seconds: Seconds
) -> None:
    assert set(steps(pace, seconds(30, inference=inference), 60, growth)) == {Step.NONE}


def until(pace: Pace, reports: Iterable[HealthReport], step: Step) -> int:
    """Return after how many s the pace advises a step."""
    return next(second for second, report in zip(count(1), reports) if pace.advise(report, GROWTH) is step)


def test_a_size_on_the_verge_is_tried_ever_more_rarely(pace: Pace, seconds: Seconds) -> None:
    waits = []
    for _ in range(8):
        until(pace, seconds(20, superseded=10, inference=35), Step.SMALLER)
        waits.append(until(pace, seconds(30, inference=10), Step.LARGER))
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_a_load_of_many_steps_costs_no_more_time_than_one(pace: Pace, seconds: Seconds) -> None:
    for _ in range(5):
        until(pace, seconds(20, superseded=10, inference=35), Step.SMALLER)
    assert until(pace, seconds(30, inference=5), Step.LARGER) == 10


def test_a_pair_lost_now_and_then_does_not_keep_a_larger_size_away(pace: Pace, seconds: Seconds) -> None:
    assert until(pace, seconds(29, superseded=1, inference=5), Step.LARGER) == 11


def test_what_another_size_took_does_not_count(pace: Pace, seconds: Seconds) -> None:
    steps(pace, seconds(30, inference=5), 9)
    pace.restart()
    assert until(pace, seconds(30, inference=10), Step.LARGER) == 10

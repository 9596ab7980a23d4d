from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from mtvif_ros.image import AnyImage
from mtvif_ros.node.health import (
    Answer,
    HealthReport,
    Level,
    Monitor,
    Work,
)
from mtvif_ros.node.sight import Loss, Sight
from mtvif_ros.pairing.synchronizer import Stream, StreamCounts

SECOND = 1_000_000_000
TOPICS = {Stream.RGB: "/cam/color", Stream.IR: "/cam/thermal"}


class Watched:
    """A monitor and the sight that it asks, told of frames as the node tells them."""

    def __init__(self) -> None:
        self.sight = Sight(0)
        self.monitor = Monitor(TOPICS, self.sight, 0)

    def received(self, stream: Stream, now: int, stamped: bool = True) -> None:
        self.sight.received(stream, now)
        self.monitor.received(stream, stamped)

    def seen(self, stream: Stream, picture: AnyImage, now: int) -> None:
        self.sight.seen(stream, picture, picture, now)


def look(
    watched: Watched,
    unpaired: int = 0,
    superseded: int = 0,
    at: int = SECOND,
    duplicate: int = 0,
    left_out: Mapping[Stream, Loss] = MappingProxyType({}),
    is_idle: bool = False,
) -> HealthReport:
    counts = {Stream.RGB: StreamCounts(), Stream.IR: StreamCounts(unpaired=unpaired, duplicate=duplicate)}
    work = Work(superseded)
    return watched.monitor.report(at, counts, work, left_out, lambda: "raise sync.slop", is_idle)


@pytest.fixture
def fed() -> Watched:
    """A monitor that saw one second of both cameras at 30 Hz, all answered."""
    watched = Watched()
    for number in range(30):
        for stream in Stream:
            watched.received(stream, number * SECOND // 30)
        watched.monitor.answered(Answer(40_000_000, 20_000_000 + number * 1_000_000, 15_000_000, -3_000_000))
    return watched


def test_rates_and_percentiles_by_hand(fed: Watched) -> None:
    report = look(fed)
    assert (report.level, report.message) == (Level.OK, "fusing")
    assert report.cameras[Stream.RGB].rate_hz == report.output_rate_hz == 30.0
    assert report.latencies is not None
    assert report.latencies.from_stamp.p99_ms == 40.0
    assert report.latencies.from_arrival.p50_ms == 34.5
    assert report.latencies.from_arrival.p95_ms == pytest.approx(20 + 0.95 * 29)
    assert report.latencies.from_arrival.p99_ms == pytest.approx(20 + 0.99 * 29)
    assert report.latencies.outside_inference.p50_ms == 19.5
    assert report.recent == report.latencies
    assert report.latencies.inference.p95_ms == 15.0
    assert report.latencies.pair_distance_p50_ms == 3.0
    assert report.memory_mb > 1


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"superseded": 1}, Level.WARN, "cannot keep up"),
        ({"unpaired": 20}, Level.WARN, "frames without a partner: raise sync.slop"),
        ({"duplicate": 20}, Level.WARN, "stamps repeat on /cam/thermal: is there more than one publisher?"),
        ({"unpaired": 2}, Level.OK, "fusing"),
        ({"at": 3 * SECOND}, Level.STALE, "no frames from /cam/color and /cam/thermal"),
        (
            {"left_out": {Stream.IR: "still"}},
            Level.WARN,
            "/cam/color alone: the same picture over and over from /cam/thermal",
        ),
        ({"left_out": {Stream.RGB: "uniform"}}, Level.WARN, "/cam/thermal alone: nothing but one brightness"),
        (
            {"left_out": {Stream.RGB: "silent", Stream.IR: "silent"}, "at": 3 * SECOND},
            Level.STALE,
            "no frames",
        ),
        ({"at": 3 * SECOND, "is_idle": True}, Level.OK, "idle: nobody listens"),
    ],
)
def test_what_goes_wrong_is_a_state_with_its_reason(
    change: dict[str, Any], level: Level, words: str, fed: Watched
) -> None:
    report = look(fed, **change)
    assert report.level == level
    assert words in report.message


def test_a_state_ends_when_its_cause_does(fed: Watched) -> None:
    fed.monitor.failed(ValueError("the reason"))
    report = look(fed)
    assert (report.level, report.message) == (Level.ERROR, "pairs failed: the reason")
    for stream in Stream:
        fed.received(stream, 2 * SECOND)
    assert look(fed, at=2 * SECOND).level == Level.OK


def test_of_several_states_the_gravest_is_told(fed: Watched) -> None:
    fed.monitor.failed(ValueError("the reason"))
    assert look(fed, at=3 * SECOND, superseded=1).level == Level.STALE
    fed.monitor.failed(ValueError("the reason"))
    for stream in Stream:
        fed.received(stream, 4 * SECOND)
    assert look(fed, at=4 * SECOND, superseded=2).level == Level.ERROR


def test_a_report_after_a_pause_covers_what_came_since(fed: Watched) -> None:
    fed.monitor.failed(ValueError("the reason"))
    fed.monitor.noticed("false colours", 60 * SECOND)
    work = Work(superseded=5)
    counts = {stream: StreamCounts(unpaired=20) for stream in Stream}
    fed.sight.begin(60 * SECOND)
    fed.monitor.begin(60 * SECOND, counts, work)
    for number in range(10):
        for stream in Stream:
            fed.received(stream, 60 * SECOND + number * SECOND // 10)
    report = fed.monitor.report(61 * SECOND, counts, work, {}, lambda: "raise sync.slop")
    assert (report.level, report.message) == (Level.OK, "fusing")
    assert (report.cameras[Stream.RGB].rate_hz, report.output_rate_hz) == (10.0, 0.0)
    assert (report.answered, report.failed, report.superseded) == (30, 1, 5)


def test_a_camera_that_never_spoke_is_silent() -> None:
    watched = Watched()
    watched.received(Stream.RGB, SECOND)
    report = look(watched, at=SECOND + 1)
    assert (report.level, report.message) == (Level.STALE, "no frames from /cam/thermal")
    assert report.latencies is None


def test_a_camera_has_a_moment_to_send_after_the_node_begins_to_listen(fed: Watched) -> None:
    fed.sight.begin(60 * SECOND)
    assert look(fed, at=61 * SECOND).level == Level.OK
    assert look(fed, at=61 * SECOND + 1).level == Level.STALE


def test_one_silent_camera_is_no_end_while_answers_go_without_it() -> None:
    watched = Watched()
    watched.received(Stream.RGB, 3 * SECOND)
    report = look(watched, at=3 * SECOND, left_out={Stream.IR: "silent"})
    assert (report.level, report.message) == (Level.WARN, "/cam/color alone: no frames from /cam/thermal")
    assert report.cameras[Stream.IR].is_silent


def test_why_a_camera_cannot_be_read_is_told_while_answers_go_without_it(fed: Watched) -> None:
    fed.sight.unread(Stream.IR, "encoding 'hsv8' is not supported", SECOND)
    report = look(fed, left_out={Stream.IR: "unreadable"})
    words = "frames that cannot be read from /cam/thermal: encoding 'hsv8' is not supported"
    assert (report.level, report.message) == (Level.WARN, f"/cam/color alone: {words}")


def test_answers_by_one_camera_are_counted_apart(fed: Watched) -> None:
    ms = 1_000_000
    fed.monitor.answered(Answer(ms, ms, ms, None, frozenset({Stream.IR})))
    fed.monitor.answered(Answer(ms, ms, ms, 0, frozenset({Stream.RGB})))
    report = look(fed)
    assert (report.answered, report.alone) == (31, 1)
    assert report.by_one == {Stream.RGB: 1, Stream.IR: 1}


def test_a_camera_that_hangs_is_told_until_its_picture_changes(
    fed: Watched, rng: np.random.Generator
) -> None:
    still = rng.integers(0, 255, (64, 80), np.uint8)
    for number in range(4):
        at = number * SECOND
        fed.seen(Stream.RGB, rng.integers(0, 255, (64, 80, 3), np.uint8), at)
        fed.seen(Stream.IR, still, at)
        for stream in Stream:
            fed.received(stream, at)
        report = look(fed, at=at + SECOND // 2)
        assert (report.level == Level.WARN) == (number > 2)
    assert report.message == "the same picture over and over from /cam/thermal: hung or covered?"
    assert (report.cameras[Stream.IR].still_s, report.cameras[Stream.RGB].still_s) == (3.0, 0.0)
    fed.seen(Stream.IR, still + 1, 4 * SECOND)
    assert look(fed, at=4 * SECOND).level == Level.OK


def test_zero_stamps_are_counted_and_told() -> None:
    watched = Watched()
    watched.received(Stream.RGB, SECOND, stamped=False)
    watched.received(Stream.IR, SECOND)
    report = look(watched)
    assert report.level == Level.WARN and "stamps are zero on /cam/color:" in report.message
    assert report.cameras[Stream.RGB].zero_stamps == 1


def test_a_report_keeps_its_counts_while_the_synchronizer_counts_on(fed: Watched) -> None:
    counts = {stream: StreamCounts(paired=1) for stream in Stream}
    report = fed.monitor.report(SECOND, counts, Work(), {}, lambda: "")
    counts[Stream.RGB].paired = 2
    assert report.cameras[Stream.RGB].counts.paired == 1


def run(
    watched: Watched,
    seconds: int,
    lost: tuple[int, int] = (0, 0),
    rates: tuple[int, int] = (30, 30),
    zero: tuple[int, ...] = (),
    pictures: tuple[Callable[[int], AnyImage], ...] = (),
) -> list[HealthReport]:
    """Report once a second on cameras of these rates; `lost` are the frames of each that find no partner."""
    reports = []
    for second in range(seconds):
        for stream, rate in zip(Stream, rates):
            for number in range(rate):
                at = second * SECOND + number * SECOND // rate
                watched.received(stream, at, stamped=second not in zero)
        for stream, picture in zip(Stream, pictures):
            watched.seen(stream, picture(second), second * SECOND)
        counts = {stream: StreamCounts(unpaired=(second + 1) * each) for stream, each in zip(Stream, lost)}
        report = watched.monitor.report((second + 1) * SECOND, counts, Work(), {}, lambda: "raise sync.slop")
        reports.append(report)
    return reports


@pytest.mark.parametrize(
    ("rates", "lost", "level"),
    [
        ((30, 9), (21, 0), Level.OK),  # every frame of the slower camera is paired
        ((9, 30), (0, 21), Level.OK),
        ((30, 9), (26, 5), Level.WARN),
        ((30, 30), (0, 20), Level.WARN),
        ((30, 1), (29, 0), Level.OK),
    ],
)
def test_frames_of_the_slower_camera_say_whether_pairs_are_lost(
    rates: tuple[int, int], lost: tuple[int, int], level: Level
) -> None:
    assert {report.level for report in run(Watched(), 6, lost, rates)} == {level}


def test_one_zero_stamp_is_a_state_of_seconds_and_a_count_for_ever() -> None:
    reports = run(Watched(), 8, zero=(1,))
    assert [report.level == Level.WARN for report in reports] == [False] + 3 * [True] + 4 * [False]
    assert reports[-1].cameras[Stream.RGB].zero_stamps == 30


def test_a_camera_that_sends_seldom_is_not_silent_between_two_frames() -> None:
    watched = Watched()
    for second in range(0, 21, 2):
        for stream in Stream:
            watched.received(stream, second * SECOND)
    assert look(watched, at=21 * SECOND + SECOND // 2).level == Level.OK
    assert look(watched, at=27 * SECOND).level == Level.STALE


def constant(height: int, width: int) -> Callable[[int], AnyImage]:
    return lambda second: np.tile(np.arange(width, dtype=np.uint8), (height, 1))


def little_noise(second: int) -> AnyImage:
    """A small picture of which one pixel in fifty differs from the last."""
    noise = np.random.default_rng(second).random((60, 80)) < 0.02
    return np.asarray(constant(60, 80)(second) + noise, np.uint8)


def changing(second: int) -> AnyImage:
    return np.roll(constant(60, 80)(second), second, axis=1)


def seldom(second: int) -> AnyImage:
    """A scene without noise where something moves every five seconds."""
    return changing(second // 5)


@pytest.mark.parametrize(
    ("infrared", "warned"),
    [
        (constant(60, 80), range(3, 20)),
        (little_noise, range(0)),
        (seldom, range(3, 5)),
    ],
)
def test_only_a_camera_that_is_used_to_change_is_called_hung(
    infrared: Callable[[int], AnyImage], warned: range
) -> None:
    reports = run(Watched(), 20, pictures=(changing, infrared))
    assert [second for second, report in enumerate(reports) if report.level] == list(warned)


def test_a_scene_that_stands_still_for_both_cameras_is_no_hung_camera() -> None:
    reports = run(Watched(), 20, pictures=(constant(60, 80), constant(60, 80)))
    assert {report.level for report in reports} == {Level.OK}


def test_what_was_noticed_is_a_state_of_seconds_and_new_once() -> None:
    watched = Watched()
    assert [watched.monitor.noticed("false colours", second * SECOND) for second in (0, 1, 2)] == [
        True,
        False,
        False,
    ]
    reports = run(watched, 8)
    assert [report.message for report in reports] == ["false colours"] * 4 + ["fusing"] * 4
    assert watched.monitor.noticed("false colours", 8 * SECOND)


def test_what_is_recent_is_since_the_last_report(fed: Watched) -> None:
    look(fed)
    fed.monitor.answered(Answer(0, 120_000_000, 99_000_000, 0))
    new, none = (look(fed, at=second * SECOND).recent for second in (2, 3))
    assert new is not None and none is None
    assert (new.from_arrival.p50_ms, new.inference.p50_ms) == (120.0, 99.0)

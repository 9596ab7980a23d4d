import numpy as np
import pytest

from mtvif_ros.node.health import Answer, Level, Monitor, Report

SECOND = 1_000_000_000
CAMERAS = ("rgb", "ir")
CLEAN = {
    camera: dict.fromkeys(("paired", "unpaired", "late", "duplicate", "overflowed"), 0) for camera in CAMERAS
}


def look(
    monitor: Monitor, unpaired: int = 0, superseded: int = 0, failed: int = 0, at: int = SECOND
) -> Report:
    counts = {camera: dict(of) for camera, of in CLEAN.items()}
    counts["ir"]["unpaired"] = unpaired
    return monitor.report(at, counts, superseded, failed, "the reason")


@pytest.fixture
def fed() -> Monitor:
    """Return a monitor that saw one second of both cameras at 30 Hz, all answered."""
    monitor = Monitor(CAMERAS, 0)
    for number in range(30):
        at = number * SECOND // 30
        for camera in CAMERAS:
            monitor.received(camera, at)
        monitor.answered(Answer(40_000_000, 20_000_000 + number * 1_000_000, 15_000_000, -3_000_000))
    return monitor


def test_rates_and_percentiles_by_hand(fed: Monitor) -> None:
    report = look(fed)
    assert (report.level, report.message) == (Level.OK, "fusing")
    assert report.values["rgb rate (Hz)"] == report.values["output rate (Hz)"] == "30.0"
    assert report.values["latency from stamp, p99 (ms)"] == "40.0"
    assert report.values["latency from arrival, p50 (ms)"] == "34.5"
    assert report.values["inference, p95 (ms)"] == "15.0"
    assert report.values["pair distance, median (ms)"] == "3.0"
    assert float(report.values["resident memory (MB)"]) > 1


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"failed": 1}, Level.ERROR, "the reason"),
        ({"superseded": 1}, Level.WARN, "cannot keep up"),
        ({"unpaired": 20}, Level.WARN, "sync.slop"),
        ({"unpaired": 2}, Level.OK, "fusing"),
        ({"at": 3 * SECOND}, Level.STALE, "no frames from rgb and ir"),
    ],
)
def test_what_goes_wrong_is_a_state_with_its_reason(
    change: dict[str, int], level: Level, words: str, fed: Monitor
) -> None:
    report = look(fed, **change)
    assert report.level == level
    assert words in report.message


def test_a_state_ends_when_its_cause_does(fed: Monitor) -> None:
    assert look(fed, failed=1).level == Level.ERROR
    for camera in CAMERAS:
        fed.received(camera, 2 * SECOND)
    assert look(fed, failed=1, at=2 * SECOND).level == Level.OK


def test_a_camera_that_never_spoke_is_silent() -> None:
    monitor = Monitor(CAMERAS, 0)
    monitor.received("rgb", 0)
    report = look(monitor)
    assert (report.level, report.message) == (Level.STALE, "no frames from ir")


def test_a_camera_that_hangs_is_told_until_its_picture_changes(fed: Monitor) -> None:
    noise = np.random.default_rng(1)
    still = noise.integers(0, 255, (64, 80), np.uint8)
    for number in range(4):
        at = number * SECOND
        fed.seen("rgb", noise.integers(0, 255, (64, 80, 3), np.uint8), at)
        fed.seen("ir", still, at)
        for camera in CAMERAS:
            fed.received(camera, at)
        report = look(fed, at=at + SECOND // 2)
        assert (report.level == Level.WARN) == (number > 2)
    assert report.message == "one picture over and over from ir: hung or covered?"
    assert report.values["ir same picture for (s)"] == "3.0"
    assert report.values["rgb same picture for (s)"] == "0.0"
    fed.seen("ir", still + 1, 4 * SECOND)
    assert look(fed, at=4 * SECOND).level == Level.OK


def test_zero_stamps_are_counted_and_told() -> None:
    monitor = Monitor(CAMERAS, 0)
    monitor.received("rgb", SECOND, stamped=False)
    monitor.received("ir", SECOND)
    report = look(monitor)
    assert (report.level, report.values["rgb zero stamps"]) == (Level.WARN, "1")

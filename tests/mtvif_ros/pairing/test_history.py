"""Two cameras that do not pair, and the parameter that lets them."""

import pytest

from mtvif_ros.pairing.history import History
from mtvif_ros.pairing.synchronizer import Stream, Synchronizer

MS = 1_000_000
SECOND = 1000 * MS
BOOT = 1_700_000_000 * SECOND  # one clock counts from 1970, the other from power-on
SETTINGS = {"slop": 20 * MS, "max_wait": 200 * MS, "queue_size": 10, "offset": 0}


def frames(clock: int, shift: int, delay: int, period: int = 33 * MS) -> list[tuple[int, Stream, int]]:
    """Arrival, stream and stamp of both cameras: infrared has its clock, its phase and its delay."""
    found = []
    for number in range(100):
        taken = number * period
        found.append((taken, Stream.RGB, BOOT + taken))
        found.append((taken + shift + delay, Stream.IR, BOOT + taken + shift + clock))
    return sorted(found)


def paired(given: list[tuple[int, Stream, int]], settings: dict[str, int]) -> int:
    sync: Synchronizer[int] = Synchronizer(**settings)
    return sum(len(sync.add(stream, stamp, 0, at)) for at, stream, stamp in given)


@pytest.mark.parametrize(
    ("clock", "shift", "delay", "period", "told", "cure"),
    [
        (
            -BOOT,
            0,
            0,
            33,
            "-1700000000.000 s from those of /rgb: .*sync.offset to -1700000000.000",
            -BOOT,
        ),
        (
            180 * SECOND,
            0,
            0,
            33,
            r"\+180.000 s .*sync.offset to 180.000, .*sync.by to arrival",
            180 * SECOND,
        ),
        (0, 35 * MS, 0, 100, r"35 ms from the nearest of /rgb: raise sync.slop \(20 ms\)", {"slop": 40 * MS}),
        (0, 0, 300 * MS, 33, "/ir comes 0.30 s after /rgb: set sync.max_wait", {"max_wait": 400 * MS}),
        (0, 0, -300 * MS, 33, "/rgb comes 0.30 s after /ir: set sync.max_wait", {"max_wait": 400 * MS}),
        (0, 0, 180 * MS, 10, "and sync.queue_size to 19", {"queue_size": 20}),
    ],
)
def test_the_parameter_that_is_named_pairs_the_cameras(
    clock: int, shift: int, delay: int, period: int, told: str, cure: int | dict[str, int]
) -> None:
    given = frames(clock, shift, delay, period * MS)
    history = History({Stream.RGB: "/rgb", Stream.IR: "/ir"})
    for at, stream, stamp in given:
        history.see(stream, stamp, at)
    assert paired(given, SETTINGS) < 20
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(history.explain(**SETTINGS))
    assert paired(given, SETTINGS | (cure if isinstance(cure, dict) else {"offset": cure})) > 80


@pytest.mark.parametrize(
    ("rgb_period", "ir_period", "shift", "delay", "told", "cure"),
    [
        (33, 111, 0, 300, "/ir comes 0.30 s after /rgb: set sync.max_wait", {"max_wait": 400 * MS}),
        (111, 33, 0, -300, "/rgb comes 0.30 s after /ir: set sync.max_wait", {"max_wait": 400 * MS}),
        (100, 50, 25, 0, "/rgb are 25 ms from the nearest of /ir: raise sync.slop", {"slop": 30 * MS}),
        (50, 100, 25, 0, "/ir are 25 ms from the nearest of /rgb: raise sync.slop", {"slop": 30 * MS}),
    ],
)
def test_cameras_of_two_rates_are_compared_by_the_frames_of_the_slower_one(
    rgb_period: int, ir_period: int, shift: int, delay: int, told: str, cure: dict[str, int]
) -> None:
    given, seconds = [], 20
    for stream, period, late, way in (
        (Stream.RGB, rgb_period, 0, max(0, -delay)),
        (Stream.IR, ir_period, shift, max(0, delay)),
    ):
        for taken in range(late, seconds * 1000, period):
            given.append(((taken + way) * MS, stream, BOOT + taken * MS))
    given.sort()
    history = History({Stream.RGB: "/rgb", Stream.IR: "/ir"})
    for at, stream, stamp in given:
        history.see(stream, stamp, at)
    settings = SETTINGS | {"queue_size": 20}
    fewest = seconds * 1000 // max(rgb_period, ir_period)
    assert paired(given, settings) < 0.1 * fewest
    assert told in history.explain(**settings)
    assert paired(given, settings | cure) > 0.9 * fewest


def test_nothing_is_claimed_of_a_silent_camera_or_of_stamps_that_agree() -> None:
    history = History({Stream.RGB: "/rgb", Stream.IR: "/ir"})
    history.see(Stream.RGB, 0, 0)
    assert history.explain(**SETTINGS) == "one camera is silent"
    history.see(Stream.IR, 0, 0)
    assert "their stamps agree" in history.explain(**SETTINGS)


def test_the_loops_of_a_recording_are_no_other_clock() -> None:
    history = History({Stream.RGB: "/rgb", Stream.IR: "/ir"})
    for stream, period in ((Stream.RGB, 33), (Stream.IR, 111)):
        for at in range(0, 13_000, period):
            history.see(stream, BOOT + at % 10_000 * MS, at * MS)
    assert "their stamps agree" in history.explain(**SETTINGS)

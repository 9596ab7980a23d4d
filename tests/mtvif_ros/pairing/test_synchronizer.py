import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtvif_ros.pairing.synchronizer import Pair, Stream, Synchronizer

MS = 1_000_000
RGB, IR = Stream.RGB, Stream.IR


def make(**changes: int) -> Synchronizer[str]:
    settings = {"slop": 20 * MS, "queue_size": 10, "max_wait": 200 * MS, **changes}
    return Synchronizer(**settings)


def feed(sync: Synchronizer[str], *frames: tuple[Stream, int]) -> list[tuple[str, str]]:
    """Add frames stamped in ms, each arriving at its stamp; return the pairs as `r0 i0`."""
    pairs: list[Pair[str]] = []
    for stream, stamp in frames:
        pairs += sync.add(stream, stamp * MS, f"{stream.name.lower()}{stamp}", stamp * MS)
    return [(pair.rgb, pair.ir) for pair in pairs]


def test_equal_stamps_pair_at_once() -> None:
    assert feed(make(), (RGB, 100), (IR, 100)) == [("rgb100", "ir100")]


def test_a_close_partner_is_taken_at_once_when_the_rate_is_known() -> None:
    sync = make()
    frames = [f for t in (0, 33, 66, 100) for f in ((RGB, t), (IR, t))]
    feed(sync, *frames)
    assert feed(sync, (RGB, 133), (IR, 138)) == [("rgb133", "ir138")]


def test_the_nearer_of_two_frames_wins_over_the_first() -> None:
    assert feed(make(), (RGB, 100), (IR, 115), (RGB, 116), (IR, 148)) == [("rgb116", "ir115")]


def test_nothing_is_decided_while_a_nearer_frame_may_still_come() -> None:
    sync = make()
    assert feed(sync, (RGB, 100), (IR, 110)) == []
    assert feed(sync, (RGB, 111), (IR, 143)) == [("rgb111", "ir110")]


def test_frames_further_apart_than_slop_never_pair() -> None:
    sync = make()
    assert feed(sync, (RGB, 100), (IR, 130), (RGB, 200)) == []
    assert sync.counts(RGB).unpaired == 1


def test_a_constant_offset_between_the_cameras_is_taken_out() -> None:
    sync = make(offset=50 * MS)
    assert feed(sync, (RGB, 100), (IR, 150)) == [("rgb100", "ir150")]


def test_the_last_pair_comes_when_the_wait_is_over() -> None:
    sync = make()
    assert feed(sync, (RGB, 100), (IR, 110)) == []
    assert [pair.distance for pair in sync.poll(310 * MS)] == [10 * MS]


def test_a_silent_camera_does_not_fill_memory() -> None:
    sync = make(queue_size=3)
    for index in range(50):
        sync.add(RGB, index * 33 * MS, "frame", 0)
    assert sync.waiting(RGB) == 3
    assert sync.counts(RGB).overflowed == 47


def test_waiting_frames_of_one_camera_end_unpaired() -> None:
    sync = make()
    feed(sync, (RGB, 100), (RGB, 133))
    sync.poll(1000 * MS)
    assert sync.waiting(RGB) == 0
    assert sync.counts(RGB).unpaired == 2


def test_repeated_and_late_frames_are_counted_and_dropped() -> None:
    sync = make()
    feed(sync, (RGB, 100), (IR, 100), (RGB, 100), (RGB, 90))
    assert (sync.counts(RGB).duplicate, sync.counts(RGB).late) == (1, 1)


def test_pairs_go_on_after_time_jumps_back() -> None:
    sync = make()
    feed(sync, (RGB, 100_000), (IR, 100_000))
    assert feed(sync, (RGB, 5), (IR, 5), (RGB, 38), (IR, 38)) == [("rgb5", "ir5"), ("rgb38", "ir38")]


def test_pairs_go_on_through_the_loops_of_a_recording_of_half_a_second() -> None:
    loop = [frame for stamp in range(0, 500, 33) for frame in ((RGB, stamp), (IR, stamp))]
    sync = make()
    assert [len(feed(sync, *loop)) for _ in range(4)] == [16] * 4


def test_a_stamp_ahead_of_time_costs_its_own_pair_alone() -> None:
    sync = make()
    frames = [f for t in range(0, 1650, 33) for f in ((IR, t), (RGB, t + (600 if t == 330 else 0)))]
    assert len(feed(sync, *frames)) >= 48  # of 50


def test_pairs_go_on_when_only_one_camera_has_jumped_back_yet() -> None:
    sync = make()
    pairs = []
    for now, (stream, stamp) in enumerate(((RGB, 100_000), (IR, 100_000), (RGB, 5), (IR, 100_033), (IR, 5))):
        pairs += sync.add(stream, stamp * MS, f"{stream.name}{stamp}", now * MS)
    assert [(pair.rgb, pair.ir) for pair in pairs] == [("RGB100000", "IR100000"), ("RGB5", "IR5")]


def test_a_slop_that_was_wide_once_does_not_hide_a_later_jump_back() -> None:
    sync = make()
    for slop in (10_000, 20):
        sync.set_slop(slop * MS)
    feed(sync, (RGB, 5_000), (IR, 5_000))
    assert feed(sync, (RGB, 5), (IR, 5)) == [("rgb5", "ir5")]


@pytest.mark.parametrize("name", ["slop", "queue_size", "max_wait"])
def test_a_value_that_is_not_positive_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        make(**{name: 0})


frames_in_any_order = st.lists(
    st.tuples(st.sampled_from(list(Stream)), st.integers(0, 3000), st.integers(0, 40)), max_size=80
)


@given(frames_in_any_order)
def test_every_frame_ends_in_exactly_one_count(frames: list[tuple[Stream, int, int]]) -> None:
    sync: Synchronizer[int] = Synchronizer(slop=20 * MS, queue_size=5, max_wait=100 * MS)
    now, pairs, alone = 0, [], 0
    for number, (stream, stamp, later) in enumerate(frames):
        now += later * MS
        pairs += sync.add(stream, stamp * MS, number, now)
        if later > 30:
            alone += len(sync.release(stream))
    pairs += sync.poll(now + 1000 * MS)
    sync.flush()
    for stream in Stream:
        assert sync.counts(stream).total == sum(frame[0] is stream for frame in frames)
    assert sum(sync.counts(stream).alone for stream in Stream) == alone
    assert all(abs(pair.distance) <= 20 * MS for pair in pairs)
    used = [pair.rgb for pair in pairs] + [pair.ir for pair in pairs]
    assert len(used) == len(set(used))


@given(st.lists(st.integers(-8, 8), min_size=20, max_size=60))
def test_jitter_below_a_quarter_period_loses_no_pair(jitter: list[int]) -> None:
    sync = make()
    arrivals = []
    for index, shift in enumerate(jitter):
        arrivals += [(index * 40, RGB, index), (index * 40 + shift, IR, index)]
    pairs: list[Pair[int]] = []
    for stamp, stream, index in sorted(arrivals):
        pairs += sync.add(stream, stamp * MS, index, stamp * MS)  # type: ignore[arg-type]
    pairs += sync.poll(10_000 * MS)  # type: ignore[arg-type]
    assert [(pair.rgb, pair.ir) for pair in pairs] == [(i, i) for i in range(len(jitter))]


def test_frames_that_are_released_go_alone_and_wait_no_longer() -> None:
    synchronizer = make()
    for number in range(3):
        assert synchronizer.add(Stream.RGB, number * 33 * MS, f"rgb{number}", number * 33 * MS) == []
    assert synchronizer.release(Stream.RGB) == ["rgb0", "rgb1", "rgb2"]
    assert synchronizer.release(Stream.RGB) == synchronizer.release(Stream.IR) == []
    assert synchronizer.counts(Stream.RGB).alone == synchronizer.counts(Stream.RGB).total == 3
    assert synchronizer.add(Stream.IR, 66 * MS, "late", 70 * MS) == []
    synchronizer.add(Stream.RGB, 99 * MS, "rgb3", 99 * MS)
    (pair,) = synchronizer.add(Stream.IR, 99 * MS, "ir3", 100 * MS)
    assert (pair.rgb, pair.ir) == ("rgb3", "ir3")


def test_one_stamp_ahead_of_time_does_not_silence_a_stream_that_goes_alone() -> None:
    synchronizer = make()
    gone = []
    for number in range(30):
        stamp = number * 33 + (800 if number == 10 else 0)
        feed(synchronizer, (RGB, stamp))
        gone += synchronizer.release(RGB)
    assert len(gone) == synchronizer.counts(RGB).alone == 30
    feed(synchronizer, (RGB, 29 * 33))
    assert synchronizer.counts(RGB).duplicate == 1
    assert feed(synchronizer, (RGB, 1000), (IR, 1000)) == [("rgb1000", "ir1000")]
    feed(synchronizer, (RGB, 900))
    assert synchronizer.counts(RGB).late == 1

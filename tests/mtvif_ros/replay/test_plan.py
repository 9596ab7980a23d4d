from itertools import pairwise
from pathlib import Path

import pytest

from mtvif_ros.recordings.reader import BagError, BagReader, stamp_of
from mtvif_ros.recordings.writer import RGB_TOPIC
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.plan import plan_replay
from tests.mtvif_ros.recordings.tiny import BEGIN, MS, drive, write


def options(bag: Path, **changes: object) -> ReplayOptions:
    return ReplayOptions(bag, **{"out": Path("out"), **changes})  # type: ignore[arg-type]


def test_each_pass_continues_where_the_last_one_ended(small_bag: Path) -> None:
    with BagReader(small_bag) as bag:
        once, thrice = plan_replay(bag, options(small_bag)), plan_replay(bag, options(small_bag, loops=3))
        records = list(thrice.records())
        assert len(records) == thrice.frames == 3 * len(list(once.records()))
    times = [record.received for record in records]
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < 0.3e9
    stamps = {stamp_of(record.raw) for record in records if record.topic == RGB_TOPIC}
    assert {rgb for rgb, _ in thrice.all_pairs()} <= stamps
    assert len(thrice.all_pairs()) == 3 * len(once.all_pairs())


def test_a_part_holds_only_what_was_received_in_it(small_bag: Path) -> None:
    with BagReader(small_bag) as bag:
        part = plan_replay(bag, options(small_bag, start=0.2, duration=0.4))
        times = [record.received - part.first for record in part.records()]
    assert min(times) >= 0.2e9 and max(times) < 0.6e9
    assert 0 < len(part.pairs) <= 6


def test_pairs_come_with_their_labels_under_the_stamps_they_were_played_with(small_bag: Path) -> None:
    with BagReader(small_bag) as bag:
        plan = plan_replay(bag, options(small_bag, loops=2))
        wanted = [rgb for rgb, _ in plan.all_pairs()]
        pairs = list(plan.read_pairs(wanted))
    assert [pair.stamp for pair in pairs] == wanted
    for pair in pairs:
        assert pair.labels is not None and stamp_of(pair.labels.raw) == stamp_of(pair.rgb.raw)


@pytest.mark.parametrize(
    "changes",
    [
        {"slop": 0},
        {"every": 0},
        {"start": -1},
        {"record": Path("/tmp")},
        {"record": Path("out")},
        {"record": Path("later"), "out": Path("later/results")},
    ],
)
def test_settings_that_make_no_sense_are_named(changes: dict[str, object], small_bag: Path) -> None:
    with pytest.raises(ValueError, match=f"--{next(iter(changes))}"):
        options(small_bag, **changes)


def test_the_first_pair_of_a_pass_has_none_before_it(small_bag: Path) -> None:
    with BagReader(small_bag) as bag:
        plan = plan_replay(bag, options(small_bag, loops=2))
    played = [rgb for rgb, _ in plan.all_pairs()]
    expected = {later: earlier for earlier, later in pairwise(played)}
    del expected[played[len(plan.pairs)]]
    assert plan.previous() == expected


def test_frames_without_stamps_are_played_with_their_times_of_arrival(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", [shot._replace(stamp=0) for shot in drive(30)])
    with BagReader(path) as bag:
        plan = plan_replay(bag, options(path))
        played = {stamp_of(record.raw) for record in plan.records() if record.topic == plan.cameras[0]}
    assert {rgb for rgb, _ in plan.pairs} == played and len(played) == 30
    assert "times of arrival" in bag.remarks[0]


def test_a_gap_is_said_and_no_pass_begins_before_the_last_one_ended(tmp_path: Path) -> None:
    later = drive(5, begin=1_800_000_000 * 10**9)
    path = write(tmp_path / "bag", [*drive(5), *later])
    with BagReader(path) as bag:
        with pytest.raises(BagError, match="--loop 9 makes stamps that a message cannot hold"):
            plan_replay(bag, options(path, loops=9))
        bag.remarks.clear()
        plan = plan_replay(bag, options(path, loops=3))
        assert len({(record.topic, stamp_of(record.raw)) for record in plan.records()}) == plan.frames == 60
    assert "gaps beyond 10 s are cut to that: 1, the longest of 100000000 s" in bag.remarks[0]


def test_stamps_continue_from_pass_to_pass_over_long_gaps(tmp_path: Path) -> None:
    shots = [shot for late in (0, 20, 40) for shot in drive(2, begin=1_700_000_000 * 10**9 + late * 10**9)]
    path = write(tmp_path / "bag", shots)
    with BagReader(path) as bag:
        plan = plan_replay(bag, options(path, loops=2))
        stamps = [stamp_of(record.raw) for record in plan.records() if record.topic == plan.cameras[0]]
    assert stamps == sorted(set(stamps)) and len(stamps) == 12


def test_a_pass_ends_with_the_last_frame_of_the_part_that_is_played(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", [*drive(10), *drive(10, begin=BEGIN + 30 * 10**9)])
    with BagReader(path) as bag:
        assert plan_replay(bag, options(path)).last == BEGIN + 30_901 * MS
        assert plan_replay(bag, options(path, start=29.0, duration=1.55)).last == BEGIN + 30_501 * MS

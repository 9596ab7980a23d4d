from itertools import pairwise
from pathlib import Path

import pytest
from mtvif_ros.replay.passes import plan_passes

from mtvif_ros.recordings.reader import stamp_of
from mtvif_ros.recordings.writer import IR_TOPIC, RGB_TOPIC
from mtvif_ros.replay.options import ReplayOptions


def options(bag: Path, **changes: object) -> ReplayOptions:
    return ReplayOptions(bag, Path("out"), (RGB_TOPIC, IR_TOPIC), **changes)  # type: ignore[arg-type]


def test_each_pass_goes_on_where_the_last_one_ended(rendered_bag: Path) -> None:
    once, thrice = plan_passes(options(rendered_bag)), plan_passes(options(rendered_bag, loops=3))
    records = list(thrice.records())
    assert len(records) == 3 * len(list(once.records()))
    times = [record.received for record in records]
    assert times == sorted(times)
    gaps = [b - a for a, b in pairwise(times)]
    assert max(gaps) < 0.3e9
    stamps = {stamp_of(record.raw) for record in records if record.topic == RGB_TOPIC}
    assert {rgb for rgb, _ in thrice.all_pairs()} <= stamps
    assert len(thrice.all_pairs()) == 3 * len(once.all_pairs())


def test_a_part_holds_only_what_was_received_in_it(rendered_bag: Path) -> None:
    part = plan_passes(options(rendered_bag, start=0.5, duration=1.0))
    times = [record.received - part.first for record in part.records()]
    assert min(times) >= 0.5e9 and max(times) < 1.5e9
    assert 0 < len(part.pairs) <= 15


@pytest.mark.parametrize("changes", [{"slop": 0}, {"every": 0}, {"start": -1}, {"record": Path("/tmp")}])
def test_settings_that_make_no_sense_are_named(changes: dict[str, object], rendered_bag: Path) -> None:
    with pytest.raises(ValueError, match=f"--{next(iter(changes))}"):
        options(rendered_bag, **changes)

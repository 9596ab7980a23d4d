from itertools import islice

import pytest

from mtvif_ros.recordings.timing import Timing, moments


def test_stamps_follow_the_rate() -> None:
    first, second = islice(moments(Timing(rate=50)), 2)
    assert first.rgb and second.rgb
    assert second.rgb.stamp - first.rgb.stamp == pytest.approx(20_000_000, abs=300)


def test_an_offset_moves_infrared_stamps_but_not_their_arrival() -> None:
    moment = next(moments(Timing(offset=0.25)))
    assert moment.rgb and moment.ir
    assert moment.ir.stamp - moment.rgb.stamp == 250_000_000
    assert moment.ir.received == moment.rgb.received


def test_dropped_is_the_share_of_missing_frames() -> None:
    drawn = list(islice(moments(Timing(dropped=0.25, seed=1)), 4000))
    assert sum(moment.rgb is None for moment in drawn) / 4000 == pytest.approx(0.25, abs=0.02)
    assert sum(moment.ir is None for moment in drawn) / 4000 == pytest.approx(0.25, abs=0.02)


def test_jitter_never_changes_the_order_of_frames() -> None:
    drawn = list(islice(moments(Timing(rate=30, jitter=0.0055, seed=2)), 2000))
    stamps = [moment.ir.stamp for moment in drawn if moment.ir]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize(("name", "value"), [("rate", 0), ("jitter", 0.1), ("dropped", 1.0)])
def test_values_that_make_no_sense_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Timing(**{name: value})  # type: ignore[arg-type]

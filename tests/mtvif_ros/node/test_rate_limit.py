from itertools import pairwise

import pytest

from mtvif_ros.node.rate_limit import RateLimit, period

MS = 1_000_000


@pytest.mark.parametrize(
    ("maximum", "passed"), [(0, 300), (30, 300), (60, 300), (15, 150), (10, 100), (20, 200)]
)
def test_frames_of_30_hz_pass_evenly_and_no_more_than_wanted(maximum: float, passed: int) -> None:
    limit = RateLimit(maximum)
    at = [1000 * MS + number * 1000 * MS // 30 for number in range(300)]
    through = [number for number, now in enumerate(at) if limit.passes(now)]
    assert abs(len(through) - passed) <= 1
    gaps = [after - before for before, after in pairwise(through)]
    assert max(gaps) - min(gaps) <= 1


def test_an_early_frame_passes_and_a_pause_saves_nothing_up() -> None:
    limit = RateLimit(10)
    assert [limit.passes(now * MS) for now in (1000, 1090, 1110, 1200)] == [True, True, False, True]
    assert [limit.passes(now * MS) for now in (9000, 9001, 9050)] == [True, False, False]


def test_a_rate_that_no_clock_can_count_is_refused() -> None:
    assert (period(0.0), period(1e-9)) == (0, 10**18)
    with pytest.raises(ValueError, match="5e-324 is too low a rate; 0 answers every pair"):
        period(5e-324)

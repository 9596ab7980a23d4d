import numpy as np
import pytest

from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.metrics.steadiness import SteadinessMeter


def shown(shift: int, rng_seed: int = 0, mask_shift: int | None = None) -> AnsweredPair:
    texture = np.random.default_rng(rng_seed).integers(0, 255, (30, 40), np.uint8)
    grey = np.roll(np.kron(texture, np.ones((4, 4), np.uint8)), shift, axis=1)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    mask = np.zeros((120, 160), np.uint8)
    moved = shift if mask_shift is None else mask_shift
    mask[30:90, 50 + moved : 100 + moved] = 1
    return AnsweredPair(shift, rgb, grey, rgb, mask, None)


def test_the_first_pair_has_nothing_to_compare_with() -> None:
    assert SteadinessMeter()(shown(0)) is None


def test_a_mask_that_moves_with_the_picture_is_explained_by_it() -> None:
    meter = SteadinessMeter()
    meter(shown(0))
    change = meter(shown(4))
    assert change is not None
    assert change.changed == pytest.approx(2 * 4 * 60 / (120 * 160), rel=0.01)
    assert change.unexplained < change.changed / 3
    assert change.flicker == pytest.approx(1, abs=0.01)


def test_a_mask_that_moves_alone_is_not() -> None:
    meter = SteadinessMeter()
    meter(shown(0))
    change = meter(shown(0, mask_shift=6))
    assert change is not None and change.unexplained == pytest.approx(change.changed, rel=0.2)


def test_flicker_is_above_one_if_fusion_adds_some() -> None:
    meter = SteadinessMeter()
    first, second = shown(0), shown(1)
    meter(first)
    change = meter(second._replace(fused=255 - second.fused))
    assert change is not None and change.flicker > 1.2


@pytest.mark.parametrize("size", [(25, 1280), (1280, 25), (12, 16)])
def test_small_and_narrow_pictures_are_compared(size: tuple[int, int], rng: np.random.Generator) -> None:
    meter = SteadinessMeter()
    rgb, grey = rng.integers(0, 255, (*size, 3), np.uint8), rng.integers(0, 255, size, np.uint8)
    still = AnsweredPair(0, rgb, grey, rgb, grey % 9, None)
    meter(still)
    assert meter(still) == (0, 0, 0)

from collections.abc import Collection
from itertools import pairwise

import numpy as np

from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.replay.scoring import Scores, score_answers

STAMPS = range(100, 112)


def answered(stamp: int) -> AnsweredPair:
    rng = np.random.default_rng(stamp)
    grey = rng.integers(0, 255, (32, 48), np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    return AnsweredPair(stamp, rgb, rng.permutation(grey), rgb, grey % 3, grey % 3)


def scores(stamps: Collection[int], chosen: Collection[int]) -> Scores:
    """The scores of a replay of twelve pairs in which these were answered."""
    found = Scores(np.zeros((3, 3), np.int64))
    previous = {later: earlier for earlier, later in pairwise(STAMPS)}
    score_answers(found, map(answered, stamps), chosen, None, previous)
    return found


def test_a_dropped_answer_does_not_change_which_later_pairs_are_scored() -> None:
    chosen = STAMPS[::3]
    assert set(scores(STAMPS, chosen).fusion) == {100, 103, 106, 109}
    kept = [stamp for stamp in STAMPS if stamp not in (101, 103)]
    assert set(scores(kept, chosen).fusion) == {100, 106, 109}


def test_steadiness_is_measured_between_neighbours_only() -> None:
    kept = [stamp for stamp in STAMPS if stamp not in (103, 107)]
    assert set(scores(kept, ()).steadiness) == {101, 102, 105, 106, 109, 110, 111}
    assert not scores(STAMPS[::4], ()).steadiness


def test_every_labelled_pair_has_a_mean_iou_of_its_own() -> None:
    found = scores(STAMPS[:4], STAMPS[:2])
    assert found.miou == {100: 1.0, 101: 1.0}

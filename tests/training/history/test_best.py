from dataclasses import replace
from pathlib import Path

import pytest

from mtvif_ros.metrics.fusion import METRICS
from tests.training import tiny
from training.config import check
from training.history.best import Best, has_lost_patience, score_name, score_of
from training.history.records import History, Validation
from training.scoring.pairs import Scores

FUSION = dict.fromkeys(METRICS, 9.0) | {"VIF": 1.0, "Qabf": 0.7, "SSIM": 0.4}
UNLABELLED = Scores({"model": FUSION}, {"car": None}, None, None, None)
LABELLED = replace(UNLABELLED, iou={"car": 0.2}, miou=0.2)


def test_masks_judge_a_network_that_segments() -> None:
    network = tiny.network()
    assert score_of(network, LABELLED) == 0.2 and score_name(network, 0.2) == "mean IoU"


def test_without_masks_or_segmentation_what_is_kept_of_both_sources_judges() -> None:
    for network, scores in ((tiny.network(), UNLABELLED), (tiny.network(decoder="fusion"), LABELLED)):
        assert score_of(network, scores) == pytest.approx(0.7)
        assert score_name(network, scores.miou) == "mean of VIF, Qabf and SSIM"


@pytest.mark.parametrize(
    ("patience", "steps", "lost"),
    [
        (0, (10, 20, 30, 40), False),
        (2, (10, 20), False),
        (2, (10, 20, 30), False),
        (2, (10, 20, 30, 40), True),
    ],
)
def test_patience_counts_the_validations_since_the_best(
    patience: int, steps: tuple[int, ...], lost: bool
) -> None:
    validations = [Validation(step, 0.0, {}, {}, None, None, []) for step in steps]
    settings = replace(tiny.config().train, patience=patience)
    history = History(Path("unused"), {}, validations)
    assert has_lost_patience(settings, history, Best(20, 0.5)) == lost
    assert not has_lost_patience(settings, history, None)


def test_patience_needs_something_to_validate_on() -> None:
    with pytest.raises(ValueError, match=r"^mine\.yaml: train\.patience counts validations, but validate is"):
        check(type(tiny.config()), tiny.plain_config(patience=2), "mine.yaml")

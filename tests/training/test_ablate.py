from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from mtvif_ros.metrics.fusion import METRICS
from tests.training import tiny
from training.ablate import Fold, hold_out, read_plan, score_variant, table, time_networks, vary
from training.config import PairSelection, PairSource


def test_a_variant_changes_what_its_paths_name_and_nothing_else() -> None:
    base = {"model": {"decoder": "multitask"}, "loss": {"dice": 1.0, "edge": 1.0}, "seed": 1}
    changed = vary(base, {"model.decoder": "cascade", "loss.dice": None, "initial": "x"}, "plan")
    assert changed == {"model": {"decoder": "cascade"}, "loss": {"edge": 1.0}, "seed": 1, "initial": "x"}
    assert base["model"] == {"decoder": "multitask"}
    with pytest.raises(ValueError, match=r"^plan: modle\.decoder leads nowhere"):
        vary(base, {"modle.decoder": "cascade"}, "plan")


def test_a_wrong_variant_is_named_before_any_is_trained(tmp_path: Path) -> None:
    plan = {
        "base": tiny.plain_config(),
        "folds": [{"of": ["a"], "numbers": [[1, 5]]}],
        "variants": {"as it is": {}, "too deep": {"model.decoder": "deep"}},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    with pytest.raises(ValueError, match=r"plan\.yaml: too deep: model\.decoder is 'deep', expected one of"):
        read_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"folds": []}, r"folds is \[\], expected a list of at least one"),
        ({"variants": {}}, r"variants is \{\}, expected a mapping of names to changed settings"),
        ({"variants": {"deep": 5}}, r"variants is \{'deep': 5\}, expected a mapping of names to changed"),
        ({"variants": {"deep": {5: 3}}}, r"plan\.yaml: deep: 5 is unknown, expected one of"),
    ],
)
def test_a_plan_that_compares_nothing_is_refused(wrong: dict[str, Any], told: str, tmp_path: Path) -> None:
    plan = {"base": tiny.plain_config(), "folds": [{"of": ["a"], "numbers": [[1, 5]]}], "variants": {"a": {}}}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan | wrong))
    with pytest.raises(ValueError, match=told):
        read_plan(tmp_path / "plan.yaml")


def test_a_fold_is_validated_on_and_not_trained_on() -> None:
    config = tiny.config(sources=[{"path": "a", "share": 1}, {"path": "b", "share": 1}])
    held = hold_out(config, Fold(of=("a",), numbers=((1, 5),)))
    a, b = held.train.sources
    assert isinstance(a, PairSource) and a.skip_numbers == ((1, 5),)
    assert isinstance(b, PairSource) and b.skip_numbers == ()
    assert held.validate == (PairSelection(path="a", only="labelled", numbers=((1, 5),)),)


def test_a_fold_keeps_what_its_source_says_of_its_pairs() -> None:
    source = {"path": "a", "share": 1, "layout": "msrs", "names": ["p", "q"], "map": {"p": "r"}}
    boxed = source | {"only": "boxed", "masks": "made"}
    config = tiny.config(sources=[boxed, source | {"skip_numbers": [[7, 9]]}])
    held = hold_out(config, Fold(of=("a",), numbers=((1, 5),)))
    trained = held.train.sources[1]
    assert isinstance(trained, PairSource) and trained.skip_numbers == ((7, 9), (1, 5))
    (judge,) = held.validate
    assert (judge.layout, judge.names, judge.map, judge.masks) == ("msrs", ("p", "q"), {"p": "r"}, None)
    assert judge.numbers == ((1, 5),) and judge.skip_numbers == ((7, 9),) and judge.only == "labelled"


def test_own_classes_are_scored(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, shape in (("vi", (64, 64, 3)), ("ir", (64, 64))):
        (tmp_path / "set" / part).mkdir(parents=True)
        for number in range(2):
            cv2.imwrite(str(tmp_path / f"set/{part}/{number}.png"), rng.integers(0, 255, shape, np.uint8))
    (tmp_path / "set/labels").mkdir()
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"set/labels/{number}.png"), np.eye(64, dtype=np.uint8))
    source = {"path": "set", "share": 1.0, "names": ["background", "crate"]}
    fold = Fold(of=("set",), numbers=((1, 1),))
    scored, _ = score_variant(tiny.config(sources=[source]), [fold], tmp_path, tmp_path / "runs")
    assert [name for name in scored if name not in METRICS] == ["parameters", "GMACs", "crate"]


def test_networks_with_and_without_segmentation_are_timed() -> None:
    networks = [tiny.network("plain", decoder=decoder) for decoder in ("multitask", "fusion")]
    assert all(taken > 0 for taken in time_networks(networks, runs=1))


def test_variants_of_other_classes_share_a_table() -> None:
    told = table({"own": {"crate": 0.5, "MI": 1.0}, "street": {"car": 0.25, "MI": 2.0}})
    assert told.splitlines()[2:] == ["| own | 0.500 | 1.000 |  |", "| street |  | 2.000 | 0.250 |"]


def test_the_table_has_a_row_for_each_variant() -> None:
    told = table({"head": {"ms": 1.25, "car": 0.5}, "cascade": {"ms": 3.0, "car": float("nan")}})
    assert told.splitlines() == [
        "| variant | ms | car |",
        "| --- | --- | --- |",
        "| head | 1.250 | 0.500 |",
        "| cascade | 3.000 |  |",
    ]

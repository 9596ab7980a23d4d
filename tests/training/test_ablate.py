import pytest

from training.ablate import hold_out, vary


def test_a_variant_changes_what_its_paths_name_and_nothing_else() -> None:
    base = {"model": {"decoder": "multitask"}, "loss": {"dice": 1.0, "edge": 1.0}, "seed": 1}
    changed = vary(base, {"model.decoder": "cascade", "loss.dice": None, "initial": "x"})
    assert changed == {"model": {"decoder": "cascade"}, "loss": {"edge": 1.0}, "seed": 1, "initial": "x"}
    assert base["model"] == {"decoder": "multitask"}
    with pytest.raises(KeyError):
        vary(base, {"modle.decoder": "cascade"})


def test_a_fold_is_validated_on_and_not_trained_on() -> None:
    config = {"train": {"sources": [{"path": "a", "share": 1}, {"rendered": 9, "share": 1}]}, "validate": []}
    held = hold_out(config, {"of": ["a"], "numbers": [[1, 5]]})
    assert held["train"]["sources"][0]["skip_numbers"] == [[1, 5]]
    assert "skip_numbers" not in held["train"]["sources"][1]
    assert held["validate"] == [{"path": "a", "only": "labelled", "numbers": [[1, 5]]}]

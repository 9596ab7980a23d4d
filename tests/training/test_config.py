from pathlib import Path

import pytest
import yaml

from training.ablate import vary
from training.config import check_config, read_config
from training.model import build_model


def test_a_config_changes_what_it_extends(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text("seed: 1\ntrain: {steps: 10, crop: [64, 64]}\nloss: {dice: 1.0}")
    (tmp_path / "second.yaml").write_text("extends: first.yaml\nseed: 2\ntrain: {crop: [32, 48]}")
    (tmp_path / "third.yaml").write_text("extends: second.yaml\ntrain: {steps: 5}")
    third = {"seed": 2, "train": {"steps": 5, "crop": [32, 48]}, "loss": {"dice": 1.0}}
    assert read_config(tmp_path / "third.yaml") == third


@pytest.mark.parametrize("text", ["- seed", "seed: [", ""])
def test_a_file_that_is_no_config_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml: "):
        read_config(tmp_path / "mine.yaml")


def test_every_config_has_all_settings_and_no_others() -> None:
    configs = [path for path in Path("training").glob("**/configs/*.yaml") if path.stem != "ablation"]
    assert len(configs) > 5
    for path in configs:
        check_config(read_config(path))


def test_everything_that_is_missing_or_unknown_is_named_at_once() -> None:
    config = read_config(Path("training/configs/finetune.yaml"))
    del config["seed"], config["train"]["batch"]
    config["train"]["frosen"] = ["encoder"]
    config["validation"] = []
    told = r"seed is missing; validation is unknown; .*train\.batch is missing; train\.frosen is unknown; "
    with pytest.raises(ValueError, match=told):
        check_config(config)


def test_a_term_that_is_none_is_named_before_training() -> None:
    config = read_config(Path("training/configs/finetune.yaml"))
    config["loss"]["stucture"] = 3.0
    with pytest.raises(ValueError, match=r"loss: unknown terms \['stucture'\]"):
        check_config(config)


def test_every_variant_of_the_ablation_is_a_network_that_can_be_built() -> None:
    plan = yaml.safe_load(Path("training/configs/ablation.yaml").read_text())
    assert len(plan["variants"]) > 5
    for name, changes in plan["variants"].items():
        config = vary(plan["base"], changes)
        check_config(config)
        network = build_model(config["model"] | {"pretrained": False})
        frozen = config["train"].get("frozen", [])
        names = {module for module, _ in network.named_modules()}
        assert names >= {*frozen, *config["train"].get("rates", {})}, name

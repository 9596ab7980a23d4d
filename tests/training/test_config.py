from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from mtvif_ros.synthetic.light import TIMES
from tests.training import tiny
from training.ablate import read_plan
from training.config import (
    ALL_TIMES,
    Config,
    EncoderName,
    RenderedSource,
    VideoSource,
    check,
    plain,
    read_config,
    read_plain,
    read_stages,
)
from training.data.layouts import LAYOUTS
from training.model import build_model
from training.model.encoders import ENCODERS
from training.model.network import DECODERS

CONFIGS = [path for path in Path("training/configs").glob("*.yaml") if path.stem != "ablation"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_valid_and_survives_a_checkpoint(path: Path) -> None:
    stages = read_stages(path)
    assert stages
    for config in stages.values():
        assert check(Config, plain(config), "checkpoint") == config


def test_a_config_changes_what_it_extends(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text("seed: 1\ntrain: {steps: 10, crop: [64, 64]}\nloss: {dice: 1.0}")
    (tmp_path / "second.yaml").write_text("extends: first.yaml\nseed: 2\ntrain: {crop: [32, 48]}")
    (tmp_path / "third.yaml").write_text("extends: second.yaml\ntrain: {steps: 5}")
    third = {"seed": 2, "train": {"steps": 5, "crop": [32, 48]}, "loss": {"dice": 1.0}}
    assert read_plain(tmp_path / "third.yaml") == third


@pytest.mark.parametrize("name", ["mine.yaml", "other.yaml", "5", "[other.yaml]", ""])
def test_a_config_that_extends_itself_or_no_file_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"extends: {name}\nseed: 1")
    (tmp_path / "other.yaml").write_text("extends: mine.yaml")
    with pytest.raises(ValueError, match=r"(mine|other)\.yaml: extends is .*, expected the name of another"):
        read_plain(tmp_path / "mine.yaml")


def write_stages(path: Path, **stages: Any) -> Path:
    path.write_text(yaml.safe_dump(tiny.plain_config() | {"stages": stages}, sort_keys=False))
    return path


def test_a_stage_changes_the_settings_that_all_share_and_keeps_their_order(tmp_path: Path) -> None:
    path = write_stages(tmp_path / "recipe.yaml", long={"train": {"steps": 9}}, again={"loss": {"dice": 2.0}})
    stages = read_stages(path)
    assert list(stages) == ["long", "again"]
    long, again = stages.values()
    assert (long.train.steps, again.train.steps) == (9, 1)
    assert (long.loss.dice, again.loss.dice) == (1.0, 2.0)
    assert long.loss.colour == again.loss.colour == 3.0


@pytest.mark.parametrize(("file", "name"), [("mine.yaml", "mine"), ("v0.7.yml", "v0.7"), ("v0.7", "v0.7")])
def test_a_config_without_stages_is_one_that_bears_its_name(file: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(yaml.safe_dump(tiny.plain_config()))
    assert read_stages(tmp_path / file) == {name: read_config(tmp_path / file)}


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ({"one": {}, "two": {"train": {"batch": 0}}}, r": stage two: train\.batch is 0, expected"),
        ({"one": {"los": {}}}, r": stage one: los is unknown"),
        ({"one": {}, "two": None}, r": stages is .*expected a mapping of names to changed settings"),
        ({}, r": stages is \{\}, expected a mapping"),
    ],
)
def test_a_wrong_stage_is_named_in_one_line(stages: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"recipe\.yaml{told}") as refused:
        read_stages(write_stages(tmp_path / "recipe.yaml", **stages))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["- seed", "seed: [", "", "\xff"])
def test_a_file_that_is_no_config_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"mine\.yaml: "):
        read_config(tmp_path / "mine.yaml")


@pytest.mark.parametrize("text", ["seed: 1\nseed: 2", "classes: {floor: , crate: , floor: }"])
def test_a_key_that_is_given_twice_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml: not valid YAML: (seed|floor) is given twice in .*"):
        read_config(tmp_path / "mine.yaml")


def test_omitted_settings_get_their_defaults() -> None:
    config = tiny.config()
    assert config.train.frozen == () and config.train.bf16 and not config.train.keep_statistics
    assert config.train.sources == (RenderedSource(rendered=1, share=1.0, times=ALL_TIMES),)
    assert config.initial is None and config.loss.distillation == 0


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("seed", None, "seed is missing, expected a whole number from 0 on"),
        ("validation", [], "validation is unknown, expected one of classes, initial, loss, model"),
        (
            "model.encoder",
            "resnet",
            "'resnet', expected one of lite0, patch, plain, timm/NAME",
        ),
        (
            "model.encoder",
            "timm/",
            "model.encoder is 'timm/', expected one of lite0",
        ),
        (
            "model.checkpoint",
            "resnet.pth",
            "model.checkpoint is for encoders timm/NAME, and",
        ),
        ("model.hidden", {"blocks.1": 0}, "model.hidden.blocks.1 is 0, expected a whole number from 1 on"),
        ("model.pretrained", "no", "model.pretrained is 'no', expected true or false"),
        ("train.frosen", ["encoder"], "train.frosen is unknown, expected one of batch, bf16"),
        ("train.batch", True, "train.batch is True, expected a whole number from 1 on"),
        ("train.crop", [64], r"train.crop is \[64\], expected a list of 2, each a multiple of 32"),
        ("train.crop", [64, 50], r"train.crop\[1\] is 50, expected a multiple of 32"),
        ("train.learning_rate", "1e-3", "expected a number from 0 on .*write 1.0e-3"),
        ("train.learning_rate", float("nan"), "train.learning_rate is nan, expected a number from 0 on"),
        ("train.ema_decay", 1.0, "train.ema_decay is 1.0, expected a number from 0 to below 1"),
        ("train.sources", "here", "train.sources is 'here', expected a list"),
        ("loss.sharpness", 1.0, "loss.sharpness is unknown, expected one of auxiliary, colour"),
        ("train.canvases", -1, "train.canvases is -1, expected a whole number from 0 on"),
        ("validate", [{"path": "x", "share": 1}], r"validate\[0\].share is unknown"),
        ("classes", ["floor", "crate", "floor"], r"classes is .*, expected 2 to 255 different names"),
        ("classes", ["floor", ["crate"]], r"classes is .*, expected 2 to 255 different names"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(path: str, value: Any, told: str) -> None:
    config = tiny.plain_config()
    *sections, last = path.split(".")
    section = config
    for name in sections:
        section = section[name]
    if value is None:
        del section[last]
    else:
        section[last] = value
    with pytest.raises(ValueError, match=f"^mine.yaml: .*{told}") as refused:
        check(Config, config, "mine.yaml")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"rendered": 1, "smok": 0.9, "share": 1}, "smok is unknown, expected one of map, rendered, seed"),
        ({"rendered": 1, "times": ["noon"], "share": 1}, r"times\[0\] is 'noon', expected one of day, dusk"),
        ({"rendered": 1, "times": "day", "share": 1}, "times is 'day', expected a list"),
        ({"rendered": 1, "times": [], "share": 1}, r"times is \[\], expected a list of at least one"),
        ({"video": "drive", "every": 0, "share": 1}, "every is 0, expected a whole number from 1 on"),
        ({"video": "drive", "times": ["day"], "share": 1}, "times is unknown, expected one of absent, every"),
        ({"path": "set"}, "share is missing, expected a number above 0"),
        ({"path": "set", "share": 0}, "share is 0, expected a number above 0"),
        ({"path": "set", "share": 1, "only": "some"}, "only is 'some', expected one of all, labelled"),
        ({"path": "set", "share": 1, "layout": "coco"}, "layout is 'coco', expected one of pairs, msrs"),
        ({"path": "set", "share": 1, "onyl": "boxed"}, "onyl is unknown"),
        (
            {"path": "set", "share": 1, "numbers": [[5, 1]]},
            r"numbers\[0\] is \[5, 1\], expected",
        ),
    ],
)
def test_a_wrong_source_is_named_with_what_is_allowed(source: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=rf"train\.sources\[0\]\.{told}"):
        tiny.config(sources=[source])


def test_a_source_is_known_by_its_first_key() -> None:
    config = tiny.config(sources=[{"video": "m3svd/drive", "share": 0.5}, {"rendered": 2, "share": 0.5}])
    video, rendered = config.train.sources
    assert video == VideoSource(video="m3svd/drive", share=0.5, every=8, absent=())
    assert isinstance(rendered, RenderedSource)


@pytest.mark.parametrize("weight", ["distillation", "features", "imitation", "revealing"])
def test_teacher_canvases_and_what_they_teach_belong_together(weight: str) -> None:
    def read(teacher: str | None, canvases: int, **loss: float) -> Config:
        plain = tiny.plain_config(teacher=teacher, canvases=canvases) | {"loss": {"intensity": 1.0, **loss}}
        return check(Config, plain, "mine.yaml")

    read(None, 0)
    read("teacher.onnx", 9, **{weight: 1.0})
    read("teacher.onnx", 9)  # views of canvases, without what the teacher says of them
    for teacher, canvases, loss in (
        ("teacher.onnx", 0, {weight: 1.0}),
        (None, 9, {weight: 1.0}),
        (None, 0, {weight: 1.0}),
    ):
        with pytest.raises(ValueError, match=r"^mine.yaml: train\.teacher, train\.canvases and a weight"):
            read(teacher, canvases, **loss)


def test_all_problems_are_named_at_once() -> None:
    config = tiny.plain_config(batch=0)
    del config["seed"]
    with pytest.raises(ValueError, match=r"^f: seed is missing.*; train\.batch is 0"):
        check(Config, config, "f")


def test_a_deep_supervision_needs_a_loss_to_judge_by() -> None:
    config = tiny.plain_config() | {"loss": {"intensity": 1.0, "auxiliary": 0.5}}
    with pytest.raises(ValueError, match=r"loss\.auxiliary judges by"):
        check(Config, config, "mine.yaml")


@pytest.mark.parametrize(
    ("decoder", "loss"), [("multitask", {}), ("fusion", {"likelihood": 1.0, "dice": 1.0})]
)
def test_a_network_needs_a_loss_that_judges_what_it_answers(decoder: str, loss: dict[str, float]) -> None:
    config = tiny.plain_config(tiny.settings(decoder=decoder)) | {"loss": loss}
    with pytest.raises(ValueError, match=f"loss weighs nothing that model.decoder {decoder} answers"):
        check(Config, config, "mine.yaml")
    check(Config, config | {"loss": {**loss, "colour": 1.0}}, "mine.yaml")


def test_a_crop_that_is_too_small_for_a_loss_is_named() -> None:
    config = tiny.plain_config(crop=[64, 32])
    check(Config, config, "mine.yaml")
    with pytest.raises(ValueError, match=r"train\.crop is \[64, 32\], too small for loss\.fidelity"):
        check(Config, config | {"loss": {"fidelity": 1.0}}, "mine.yaml")


def test_names_in_configs_are_those_that_the_code_has() -> None:
    assert set(get_args(EncoderName)) == set(ENCODERS)
    assert {*DECODERS} == {"multitask", "fusion", "cascade"}
    assert {*LAYOUTS} == {"pairs", "msrs", "fmb", "pst900", "mfnet"}
    assert set(ALL_TIMES) == set(TIMES)


def test_every_variant_of_the_ablation_is_a_network_that_can_be_built() -> None:
    variants, folds = read_plan(Path("training/configs/ablation.yaml"))
    assert len(variants) > 5 and folds
    assert {config.model.decoder for config in variants.values()} == {*DECODERS}
    assert len({config.model.encoder for config in variants.values()}) == 4
    assert len({repr(config.train) for config in variants.values()}) == 1
    for name, config in variants.items():
        build_model(check(type(config.model), plain(config.model), name))

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
import yaml

from mtvif_ros.classes import with_colours
from mtvif_ros.model_file import read_model_file
from mtvif_ros.recordings.pair_folder import find_pairs
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.training import tiny
from training.config import Config, read_stages
from training.model import build_model
from training.model.checkpoint import CHECKPOINT, load_checkpoint
from training.model.onnx_file import write_onnx
from training.recipe import check_stages, main, score_file, train_stages


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    scene = RoadScene(SceneConfig(seed=1, width=160, height=128))
    for number in range(2):
        frame = scene.frame(number * 40)
        for part, pixels in (("vi", frame.rgb[..., ::-1]), ("ir", frame.ir), ("labels", frame.mask)):
            (root / "small" / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / "small" / part / f"{number}.png"), pixels)
    return root


Write = Callable[..., Path]


@pytest.fixture
def write(taught: tiny.Taught, tmp_path: Path) -> Write:
    """Write a recipe of two stages, of which the second changes what is given; its canvases are made."""

    def write_recipe(**second: Any) -> Path:
        first = {"loss": taught.plain["loss"], "train": {"steps": 1}}
        second = {"loss": taught.plain["loss"] | {"edge": 1.0}, **second}
        recipe = taught.plain | {"validate": [{"path": "small"}], "loss": {}}
        recipe["train"] = recipe["train"] | {"warmup_steps": 9, "validate_every": 99}
        recipe["stages"] = {"first": first, "second": second}
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe, sort_keys=False))
        return path

    shutil.copytree(taught.canvases, tmp_path / "run" / "canvases")
    return write_recipe


def arguments(recipe: Path, data: Path) -> list[str]:
    out = recipe.parent / "run"
    return ["--config", str(recipe), "--data", str(data), "--out", str(out), "--calibrate", "small"]


def average(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run / CHECKPOINT)["average"]


def steps_of(stages: dict[str, Config], out: Path, data: Path) -> list[int]:
    train_stages(stages, data, out)
    return [load_checkpoint(out / name / CHECKPOINT)["step"] for name in stages]


def test_each_stage_starts_from_the_average_of_the_one_before(write: Write, data: Path) -> None:
    recipe = write(train={"steps": 0})
    run = recipe.parent / "run"
    assert train_stages(read_stages(recipe), data, run) == run / "second"
    first, second = average(run / "first"), average(run / "second")
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_an_interrupted_recipe_ends_with_the_weights_of_one_that_was_not(write: Write, data: Path) -> None:
    stopped, whole = (read_stages(write(train={"steps": steps})) for steps in (1, 3))
    out = write().parent
    shutil.copytree(out / "run", out / "whole")
    assert steps_of(stopped, out / "run", data) == [1, 1]
    for folder in ("run", "whole"):
        assert steps_of(whole, out / folder, data) == [1, 3]
    resumed, at_once = (average(out / folder / "second") for folder in ("run", "whole"))
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in at_once.items())


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"train": {"batch": 0}}, "recipe.yaml: stage second: train.batch is 0, expected a whole number"),
        ({"train": {"frozen": ["encoder.stem"]}}, "stage second: train.frozen: 'encoder.stem' is no part"),
        ({"train": {"teacher": "no.onnx"}}, "stage second: train.teacher: no.onnx does not exist"),
        ({"train": {"canvases": 4}}, "stage second: its sources, paste, canvases, teacher or seed differ"),
        ({"validate": [{"path": "nowhere"}]}, "stage second: "),
        ({"validate": []}, "recipe.yaml: validate is empty"),
    ],
)
def test_a_stage_that_cannot_be_trained_is_told_in_one_line_before_the_first_starts(
    second: dict[str, Any], told: str, write: Write, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write(**second)
    with pytest.raises(SystemExit) as ended:
        main(arguments(recipe, data))
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m training.recipe: ") and told in line
    assert not (recipe.parent / "run" / "first").exists()


def test_the_shipped_recipe_names_networks_and_a_teacher_that_exist() -> None:
    stages = read_stages(Path("training/configs/mtvif.yaml"))
    without_data = {name: replace(stage, validate=()) for name, stage in stages.items()}
    check_stages(without_data, Path("/nowhere"))


def test_the_shipped_files_are_those_of_the_manifest_beside_them() -> None:
    made = json.loads(Path("models/manifest.json").read_text())
    assert made["files"] == {name: digest(Path("models") / name) for name in made["files"]}
    assert {"mtvif.onnx", "mtvif_fp16.onnx", "mtvif_int8.onnx", "mtvif.safetensors"} == made["files"].keys()
    assert made["teacher"] == digest(Path("models/teacher/mtvif_0.1.0.onnx"))
    assert len(made["commit"]) == 40  # of a tree without changes


def digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def test_rendered_frames_judge_a_model_of_own_classes_by_those_it_shares(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.recipe._RENDERED", 1)
    unlabelled = [replace(files, mask=None) for files in find_pairs(data / "small")]
    model = tmp_path / "own.onnx"
    write_onnx(build_model(tiny.settings(), with_colours(("crate", "car"))).eval(), model, {})
    iou = score_file(model, unlabelled)["rendered"]["iou"]
    assert iou["crate"] is None and iou["car"] is not None


@pytest.mark.long
def test_a_recipe_makes_every_file_and_says_from_what(
    write: Write, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.recipe._RENDERED", 2)
    recipe = write()
    main(arguments(recipe, data))
    models = recipe.parent / "run" / "models"
    names = {"mtvif.onnx", "mtvif_fp16.onnx", "mtvif_int8.onnx", "mtvif.safetensors"}
    assert {path.name for path in models.iterdir()} == names | {"manifest.json"}
    assert "and manifest.json" in capsys.readouterr().out

    made = json.loads((models / "manifest.json").read_text())
    assert made["files"] == {name: digest(models / name) for name in names}
    assert made["teacher"] == digest(Path("models/teacher/mtvif_0.1.0.onnx"))
    assert made["steps"] == {"first": 1, "second": 1} and made["seed"] == 1
    assert made["version"].endswith("+1.2")
    assert made["parameters"] < 3e6 and made["macs"] < 3e9
    assert list(made["stages"]["second"]["loss"]) == list(made["stages"]["first"]["loss"])
    assert set(made["scores"]) == {"mtvif.onnx", "mtvif_int8.onnx"}
    for scores in made["scores"].values():
        assert scores["validation"]["pairs"] == 2 and scores["rendered"]["pairs"] == 2
    for name in ("mtvif.onnx", "mtvif_fp16.onnx", "mtvif_int8.onnx"):
        file = read_model_file(models / name)
        assert (file.size, file.version) == (None, made["version"])

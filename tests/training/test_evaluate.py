import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.classes import with_colours
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig
from tests.training import tiny
from training.evaluate import main
from training.model import build_model
from training.model.onnx_file import write_onnx


@pytest.fixture
def folder(tmp_path: Path, night_frame: Frame) -> Path:
    brighter = np.maximum(night_frame.rgb, night_frame.ir[..., None])
    for name, pixels in (
        ("vi", night_frame.rgb[..., ::-1]),
        ("ir", night_frame.ir),
        ("labels", night_frame.mask),
        ("peer", brighter[..., ::-1]),
    ):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "one.png"), pixels)
    return tmp_path


def test_model_peer_and_simple_fusions_stand_side_by_side(
    folder: Path, model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "scores.json"
    peer = f"brighter={folder / 'peer'}"
    main(["--model", str(model_path), "--data", str(folder), "--out", str(out), "--peer", peer])
    scores = json.loads(out.read_text())
    assert list(scores["fusion"]) == ["model", "brighter", "max", "average", "visible only"]
    assert scores["fusion"]["max"]["SD"] > scores["fusion"]["average"]["SD"]
    assert 0 < scores["iou"]["car"] <= 1
    printed = capsys.readouterr().out
    assert "| brighter |" in printed and "| IoU | background | car |" in printed


def test_one_camera_is_scored_alone(folder: Path, model_path: Path) -> None:
    cars = {}
    for camera in ("visible", "infrared", None):
        out = folder / "scores.json"
        alone = ("--alone", camera) if camera else ()
        main(["--model", str(model_path), "--data", str(folder), "--out", str(out), *alone])
        scores = json.loads(out.read_text())
        cars[camera] = scores["iou"]["car"]
        if camera == "visible":
            assert scores["fusion"]["model"] == scores["fusion"]["visible only"]
    assert len(set(cars.values())) == 3


def test_peers_without_images_are_named_before_anything_is_scored(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "peer" / "one.png").unlink()
    with pytest.raises(SystemExit) as ended:
        main(["--model", "models/mtvif_int8.onnx", "--data", str(folder), "--peer", f"x={folder / 'peer'}"])
    assert ended.value.code == 1
    assert "peer: has no image for 1 pairs: one" in capsys.readouterr().err


def test_a_peer_image_of_another_size_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "peer" / "one.png"
    cv2.imwrite(str(path), np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(SystemExit) as ended:
        main(["--model", "models/mtvif_int8.onnx", "--data", str(folder), "--peer", f"x={folder / 'peer'}"])
    assert ended.value.code == 1
    assert f"{path}: is (48, 64), expected (480, 640), the size of its pair" in capsys.readouterr().err


def test_rendered_frames_have_exact_labels(model_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    main(["--model", str(model_path), "--rendered", "2", "--out", str(out)])
    scores = json.loads(out.read_text())
    assert scores["pairs"] == 2 and 0 < scores["miou"] <= 1


@pytest.mark.parametrize(
    ("names", "judged"),
    [(("background", "crate", "car"), {"background", "car"}), (("background", "crate"), set())],
)
def test_rendered_frames_judge_a_model_of_own_classes_by_those_it_shares(
    names: tuple[str, ...], judged: set[str], tmp_path: Path
) -> None:
    model, out = tmp_path / "own.onnx", tmp_path / "scores.json"
    write_onnx(build_model(tiny.settings(), with_colours(names)).eval(), model, {})
    main(["--model", str(model), "--rendered", "1", "--out", str(out)])
    scores = json.loads(out.read_text())
    assert {name for name, value in scores["iou"].items() if value is not None} == judged
    assert (scores["miou"] is None) == (not judged) and scores["fusion"]["model"]


def test_persons_whom_smoke_hides_are_looked_for(
    model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.json"
    wanted = ["--rendered", "2", "--smoke", "0.8", "--time", "day"]
    main(["--model", str(model_path), *wanted, "--out", str(out)])
    hidden = json.loads(out.read_text())["hidden_persons"]
    assert hidden["persons"] > 0
    assert hidden["standing_out"]["visible only"] < hidden["standing_out"]["infrared"]
    assert "persons whom infrared alone shows | infrared | model | max |" in capsys.readouterr().out


def test_a_clip_is_scored_on_some_frames_and_its_flicker_on_all(
    model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, out = RoadScene(SceneConfig(seed=1, width=160, height=128)), tmp_path / "scores.json"
    for number in range(3):
        frame = scene.frame(number)
        for name, pixels in (("vi", frame.rgb[..., ::-1]), ("ir", frame.ir)):
            (tmp_path / name).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), pixels)
    clip = ["--clip", str(tmp_path / "vi"), str(tmp_path / "ir"), "--every", "2"]
    main(["--model", str(model_path), *clip, "--out", str(out)])
    scores = json.loads(out.read_text())
    assert scores["pairs"] == 2
    assert list(scores["fusion"]) == ["model", "max", "average", "visible only"]
    assert f"flicker: {scores['flicker_over_max']:.2f} times max's" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "folder", "--every", "3"], "--every applies to --clip"),
        (["--clip", "vi", "ir", "--peer", "x=folder"], "--peer applies to --data and --rendered"),
        (["--data", "folder", "--peer", "SeAFusion"], "'SeAFusion' is not NAME=FOLDER"),
        (["--data", "folder", "--peer", "model=folder"], "'model' is a row of its own; choose another NAME"),
        (["--data", "folder", "--peer", "max=folder"], "'max' is a row of its own"),
        (["--data", "folder", "--peer", "x=a", "--peer", "x=b"], "--peer names x twice"),
        (["--data", "folder", "--out", "/nowhere/x.json"], "--out: '/nowhere/x.json' cannot be written"),
        (["--rendered", "0"], "argument --rendered: '0' is not a whole number from 1 on"),
        (["--data", "folder", "--smoke", "0.5"], "--smoke applies to --rendered frames"),
        (["--data", "folder", "--time", "day"], "--time applies to --rendered frames"),
        (["--rendered", "1", "--smoke", "2"], "--smoke is 2.0, expected a number from 0 to 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--model", "model.onnx", *options])
    assert message in capsys.readouterr().err

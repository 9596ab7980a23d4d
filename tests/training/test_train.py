import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from mtvif_ros.engines import load_engine
from mtvif_ros.model_file import read_model_file
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.training import tiny
from training.config import Config, LossWeights, PairSelection, check
from training.data.allowed import allowed_from_mask
from training.export import main as export
from training.history.records import HISTORY, read_history
from training.loop.step import learning_rate
from training.losses.segmentation import partial_label_loss
from training.model import Network
from training.model.checkpoint import BEST, CHECKPOINT, load_checkpoint
from training.model.decoders import spread_cells
from training.train import main, train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    scene = RoadScene(SceneConfig(seed=1, width=160, height=128))
    for folder in ("vi", "ir", "labels"):
        (root / "small" / folder).mkdir(parents=True)
    for number in range(3):
        frame = scene.frame(number * 40)
        for folder, pixels in zip(("vi", "ir", "labels"), (frame.rgb[..., ::-1], frame.ir, frame.mask)):
            cv2.imwrite(str(root / "small" / folder / f"{number}.png"), pixels)
    return root


def plain_config(steps: int, encoder: str = "plain", **train: Any) -> dict[str, Any]:
    sources = [{"path": "small", "only": "labelled", "share": 1.0}]
    model = tiny.settings(encoder)
    return tiny.plain_config(model, steps=steps, sources=sources, validate_every=max(1, steps), **train) | {
        "validate": [{"path": "small"}]
    }


def config(steps: int, encoder: str = "plain", **train: Any) -> Config:
    return check(Config, plain_config(steps, encoder, **train), "test")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run / CHECKPOINT)["network"]


def test_the_same_seed_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(config(3), data, tmp_path / name)
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_trainings_of_one_config_differ_by_the_seed_that_is_asked_for(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(plain_config(1)))
    for name, seed in (("a", []), ("b", ["--seed", "2"]), ("c", ["--seed", "1"])):
        main(["--config", str(path), "--data", str(data), "--out", str(tmp_path / name), *seed])
    a, b, c = (weights(tmp_path / name)["decoder.segmentation.logits.weight"] for name in "abc")
    assert torch.equal(a, c) and not torch.equal(a, b)


@pytest.mark.long
def test_a_killed_run_resumes_where_it_stopped(data: Path, tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text(yaml.safe_dump(plain_config(10_000)))
    run = tmp_path / "run"
    command = [sys.executable, "-m", "training.train", "--config", str(settings)]
    command += ["--data", str(data), "--out", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = time.monotonic() + 300
    while time.monotonic() < end and process.poll() is None:
        if (run / CHECKPOINT).exists() and load_checkpoint(run / CHECKPOINT)["step"]:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    reached = load_checkpoint(run / CHECKPOINT)["step"]
    assert 0 < reached < 10_000

    train(config(reached + 2), data, run)
    assert load_checkpoint(run / CHECKPOINT)["step"] == reached + 2


def test_a_deeply_supervised_run_goes_on_with_its_judges(data: Path, tmp_path: Path) -> None:
    deep = replace(config(2, rates={"encoder": 0.25}), loss=LossWeights(dice=1.0, auxiliary=0.5))
    train(deep, data, tmp_path)
    before = load_checkpoint(tmp_path / CHECKPOINT)["judges"]
    # At this rate nothing moves, so the judges stay as they were restored.
    train(replace(deep, train=replace(deep.train, steps=3, learning_rate=0.0)), data, tmp_path)
    after = load_checkpoint(tmp_path / CHECKPOINT)
    assert after["step"] == 3 and before
    assert all(torch.equal(before[name], after["judges"][name]) for name in before)


def test_parts_learn_at_their_own_rates(data: Path, tmp_path: Path) -> None:
    for name, steps in (("first", 1), ("second", 2)):
        train(config(steps, rates={"encoder.visible": 0.0}), data, tmp_path / name)
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    same = {name for name, tensor in first.items() if torch.equal(tensor, second[name])}
    assert "encoder.visible.stem.0.0.weight" in same
    assert "encoder.infrared.stem.0.0.weight" not in same


def rendered_frame() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a network's inputs, and the allowed classes."""
    frame = RoadScene(SceneConfig(seed=1, width=160, height=128)).frame(0)
    rgb = torch.from_numpy(frame.rgb).permute(2, 0, 1)[None].float() / 255
    ir = torch.from_numpy(frame.ir)[None, None].float() / 255
    sets = tiny.street_sets()
    return rgb, ir, torch.from_numpy(sets.halved(allowed_from_mask(frame.mask, sets)))[None]


@torch.no_grad()
def logits_of(network: Network, rgb: torch.Tensor, ir: torch.Tensor) -> torch.Tensor:
    return spread_cells(network(rgb, ir)[1])


def test_training_lowers_the_loss_it_is_asked_to_lower(data: Path, tmp_path: Path) -> None:
    untrained = train(config(0), data, tmp_path / "short").cpu()
    trained = train(config(8, ema_decay=0.5), data, tmp_path / "long").cpu()
    rgb, ir, allowed = rendered_frame()
    before, after = (
        partial_label_loss(logits_of(network, rgb, ir), allowed) for network in (untrained, trained)
    )
    assert after < before


def test_a_taught_run_that_was_interrupted_ends_as_one_that_was_not(
    taught: tiny.Taught, tmp_path: Path
) -> None:
    """Its neighbouring frames are drawn at random, and loaders draw a seed at each start."""
    for name, stops in (("whole", (3,)), ("resumed", (0, 1, 3))):
        for steps in stops:
            # So long a warm-up that the rates do not depend on the number of steps.
            settings = replace(taught.config.train, steps=steps, warmup_steps=20, workers=1)
            config = replace(taught.config, train=settings, model=tiny.settings("plain"))
            train(config, Path("/nowhere"), tmp_path / name, taught.canvases)
    whole, resumed = (load_checkpoint(tmp_path / name / CHECKPOINT) for name in ("whole", "resumed"))
    for part in ("network", "average", "projections"):
        assert whole[part]
        assert all(torch.equal(tensor, resumed[part][name]) for name, tensor in whole[part].items()), part


def test_the_rate_warms_up_and_falls() -> None:
    settings = config(110, learning_rate=1.0, warmup_steps=10).train
    assert learning_rate(0, settings) == pytest.approx(0.1)
    assert learning_rate(10, settings) == pytest.approx(1.0)
    assert learning_rate(110, settings) == pytest.approx(0.01)


def test_a_run_starts_from_another_and_keeps_what_is_frozen(data: Path, tmp_path: Path) -> None:
    train(config(1), data, tmp_path / "first")
    second = config(2, frozen=["encoder.visible", "encoder.join"])
    train(replace(second, initial=tmp_path / "first", seed=9), data, tmp_path / "second")
    before = load_checkpoint(tmp_path / "first" / CHECKPOINT)["average"]
    after = weights(tmp_path / "second")
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if name.startswith(("encoder.visible", "encoder.join"))} <= same
    assert "encoder.infrared.stem.0.0.weight" not in same


def test_a_part_to_freeze_that_does_not_exist_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"train\.frozen: 'encoder\.eyes' is no part of the network"):
        train(config(1, frozen=["encoder.eyes"]), data, tmp_path)


def test_kept_statistics_stay_while_the_batch_norms_learn(data: Path, tmp_path: Path) -> None:
    train(config(1), data, tmp_path / "first")
    second = config(2, keep_statistics=True)
    train(replace(second, initial=tmp_path / "first", seed=9), data, tmp_path / "second")
    before = load_checkpoint(tmp_path / "first" / CHECKPOINT)["average"]
    after = weights(tmp_path / "second")
    statistics = {name for name in before if ".running_" in name}
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    scales = {name.replace("running_mean", "weight") for name in statistics if "running_mean" in name}
    assert not any(torch.equal(before[name], after[name]) for name in scales)


@pytest.mark.long
def test_two_processes_take_the_steps_that_one_takes(data: Path, tmp_path: Path) -> None:
    """Batch statistics belong to a process, so the layers that have them are frozen here."""
    frozen = ["encoder", "decoder.pyramid", "decoder.segmentation"]
    settings = plain_config(3, frozen=frozen, clip_gradients=1e9, bf16=False)
    settings["loss"] = {"intensity": 1.0, "colour": 1.0}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    # With a single GPU, which two processes cannot share, on the processor.
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if torch.cuda.device_count() == 1 else {}
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    for name, launcher in (("alone", []), ("together", torchrun)):
        command = [sys.executable, "-m", *launcher, "training.train", "--config", str(path)]
        command += ["--data", str(data), "--out", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ | hidden)
        assert done.returncode == 0, done.stderr
    a, b = weights(tmp_path / "alone"), weights(tmp_path / "together")
    assert a["decoder.fusion.share.bias"][0] != 1
    for name, tensor in a.items():
        torch.testing.assert_close(tensor, b[name], rtol=0, atol=1e-5)


@pytest.mark.long
def test_processes_that_do_not_share_the_run_are_refused(data: Path, tmp_path: Path) -> None:
    train(config(1), data, tmp_path / "run0")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(plain_config(3)))
    each = f"{sys.executable} -m training.train --config {path} --data {data} --out {tmp_path}/run$RANK"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["--no-python", "bash", "-c", each]
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ | hidden)
    assert done.returncode != 0
    told = "process 1 begins at step 0, process 0 at 1: --out must be a folder that all machines share"
    assert f"python -m training.train: {told}\n" in done.stderr
    assert step_of(tmp_path / "run0") == 1 and not (tmp_path / "run1").exists()


@pytest.mark.long
def test_one_of_two_processes_makes_the_canvases_for_both(taught: tiny.Taught, tmp_path: Path) -> None:
    path, run = tmp_path / "config.yaml", tmp_path / "run"
    path.write_text(yaml.safe_dump(taught.plain))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += ["training.train", "--config", str(path), "--data", "/nowhere", "--out", str(run)]
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ | hidden)
    assert done.returncode == 0, done.stderr
    for made in taught.canvases.iterdir():
        assert (run / "canvases" / made.name).read_bytes() == made.read_bytes()


def test_curves_and_pictures_are_written(data: Path, tmp_path: Path) -> None:
    train(config(2), data, tmp_path)
    assert list((tmp_path / "events").glob("events.out.tfevents.*"))
    assert len(list((tmp_path / "pictures").glob("*.jpg"))) == 3


def test_a_page_shows_the_run_also_after_resuming(data: Path, tmp_path: Path) -> None:
    for steps in (1, 2):
        train(config(steps), data, tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "Trained for 2 steps" in page and "last, step 2" in page
    # Losses twice, fusion twice, IoU and confusion: each curve has a point of the first start.
    assert page.count("<svg") == 6
    history = read_history(tmp_path / HISTORY, 2)
    assert list(history.losses) == [1, 2] and [one.step for one in history.validations] == [1, 2]


def test_a_training_says_what_it_will_do_and_how_long_that_takes(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config(4), data, tmp_path / "untimed")
    assert "1,000 steps take" not in capsys.readouterr().out
    monkeypatch.setattr("training.train._WORTH_TIMING", 1)
    train(config(4), data, tmp_path / "timed")
    told = capsys.readouterr().out
    assert told.startswith(f"{tmp_path / 'timed'}: 4 steps, each of 2 samples of 64x64")
    assert "small (labelled): 3 frames, all with masks" in told and "1,000 steps take" in told
    untimed, timed = weights(tmp_path / "untimed"), weights(tmp_path / "timed")
    assert all(torch.equal(tensor, timed[name]) for name, tensor in untimed.items())


def still(patience: int, steps: int = 9) -> Config:
    """A training that validates every step and learns nothing, so that its first score stays the best."""
    made = config(steps, patience=patience, learning_rate=0.0, keep_statistics=True, checkpoint_every=100)
    return replace(made, train=replace(made.train, validate_every=1))


def step_of(run: Path, name: str = CHECKPOINT) -> int:
    return int(load_checkpoint(run / name)["step"])


def test_a_run_without_a_better_score_ends_early_and_stays_ended(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(still(2), data, tmp_path)
    assert (step_of(tmp_path), step_of(tmp_path, BEST)) == (3, 1)
    assert (
        "step 3: ends early, since 2 validations did not beat the mean IoU of step 1"
        in capsys.readouterr().out
    )
    assert "Ended early, at step 3 of 9" in (tmp_path / "index.html").read_text()

    train(still(2), data, tmp_path)
    assert step_of(tmp_path) == 3
    assert "ended early, at step 3; raise train.patience to go on" in capsys.readouterr().out
    train(still(4), data, tmp_path)
    assert (step_of(tmp_path), step_of(tmp_path, BEST)) == (5, 1)


def test_the_best_weights_are_exported_and_outlive_a_resume_but_not_a_new_run(
    data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    for steps in (1, 3):
        train(still(0, steps), data, run)
    assert (step_of(run), step_of(run, BEST)) == (3, 1)
    export(["--run", str(run), "--best", "--out", str(tmp_path / "best.onnx"), "--size", "64x96"])
    assert read_model_file(tmp_path / "best.onnx").version.endswith("+1")

    (run / CHECKPOINT).unlink()
    train(replace(still(0, 1), validate=()), data, run)
    assert not (run / BEST).exists()


def test_the_first_validation_on_masks_replaces_a_best_one_without(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "small", tmp_path / "val")
    (tmp_path / "val/labels").rename(tmp_path / "labels")
    judged = replace(still(0, 1), validate=(PairSelection(path="val", root=tmp_path),))
    train(judged, data, tmp_path / "run")
    by_fusion = load_checkpoint(tmp_path / "run" / BEST)["score"]
    (tmp_path / "labels").rename(tmp_path / "val/labels")
    train(replace(judged, train=replace(judged.train, steps=3)), data, tmp_path / "run")
    assert step_of(tmp_path / "run", BEST) == 2
    assert load_checkpoint(tmp_path / "run" / BEST)["score"] < by_fusion


def test_a_run_that_never_validated_has_no_best_weights(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(replace(config(1), validate=()), data, tmp_path)
    with pytest.raises(SystemExit):
        export(["--run", str(tmp_path), "--best", "--out", str(tmp_path / "best.onnx")])
    assert "best.pt does not exist: the run has not validated" in capsys.readouterr().err


@pytest.mark.long
def test_all_of_two_processes_end_early_and_one_prints(data: Path, tmp_path: Path) -> None:
    settings = plain_config(9, patience=2, learning_rate=0.0, keep_statistics=True, workers=1)
    settings["train"]["validate_every"] = 1
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += ["training.train", "--config", str(path), "--data", str(data), "--out", str(tmp_path / "run")]
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    for told in ("step 3: ends early", "ended early, at step 3"):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ | hidden)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(told) == done.stdout.count("9 steps,") == 1
    assert step_of(tmp_path / "run") == 3
    history = read_history(tmp_path / "run" / HISTORY, 9)
    assert list(history.losses) == [one.step for one in history.validations] == [1, 2, 3]
    assert "Ended early, at step 3 of 9" in (tmp_path / "run" / "index.html").read_text()


def test_a_config_without_validation_trains(data: Path, tmp_path: Path) -> None:
    train(replace(config(1), validate=()), data, tmp_path)
    assert load_checkpoint(tmp_path / CHECKPOINT)["step"] == 1
    assert not (tmp_path / "pictures").exists()


def test_no_steps_write_what_a_training_would_start_from(data: Path, tmp_path: Path) -> None:
    train(config(1), data, tmp_path / "first")
    train(replace(config(0), initial=tmp_path / "first"), data, tmp_path / "second")
    first, second = (load_checkpoint(tmp_path / name / CHECKPOINT) for name in ("first", "second"))
    assert second["step"] == 0
    assert all(torch.equal(tensor, second["network"][key]) for key, tensor in first["average"].items())


def test_unusable_files_end_the_command_before_training(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = plain_config(2)
    settings["train"]["sources"][0]["path"] = "absent"
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(path), "--data", str(data), "--out", str(tmp_path / "run")])
    assert ended.value.code == 1
    assert "absent" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_files_that_cannot_be_validated_on_are_named_before_training(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "small", tmp_path / "val")
    for name in ("0", "2"):
        cv2.imwrite(str(tmp_path / f"val/labels/{name}.png"), np.full((128, 160), 99, np.uint8))
    judged = replace(config(2), validate=(PairSelection(path="val", root=tmp_path),))
    with pytest.raises(ValueError, match=r"^2 files cannot be used:\n.*0\.png: values \[99\](.|\n)*2\.png"):
        train(judged, data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_interrupted_run_ends_as_one_that_was_not(data: Path, tmp_path: Path) -> None:
    train(config(3, warmup_steps=5), data, tmp_path / "whole")
    stopped = config(3, warmup_steps=5)
    train(replace(stopped, train=replace(stopped.train, steps=2)), data, tmp_path / "resumed")
    train(stopped, data, tmp_path / "resumed")
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "resumed")
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_a_trained_network_becomes_a_file_that_onnxruntime_runs(data: Path, tmp_path: Path) -> None:
    train(config(2), data, tmp_path / "run")
    size = ["--size", "64x96"]
    export(["--run", str(tmp_path / "run"), "--out", str(tmp_path / "mine.onnx"), *size])
    frame = RoadScene(SceneConfig(seed=2, width=96, height=64)).frame(0)
    fused, mask, _ = load_engine(tmp_path / "mine.onnx", "onnxruntime").infer(frame.rgb, frame.ir)
    assert fused.shape == (64, 96, 3) and mask.shape == (64, 96)
    assert fused.std() > 0 and mask.max() < 9

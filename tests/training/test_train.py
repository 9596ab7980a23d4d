import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
import yaml

from mtvif_ros.synthetic import RoadScene, SceneConfig
from training.checkpoint import load_checkpoint
from training.train import CHECKPOINT, learning_rate, train


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


def config(steps: int) -> dict[str, Any]:
    shipped = yaml.safe_load(Path("training/configs/mtvif.yaml").read_text())
    shipped["model"]["pretrained"] = False
    shipped["validate"]["path"] = "small"
    shipped["train"] |= {
        "sources": [{"path": "small", "only": "labelled", "share": 1.0}],
        "steps": steps,
        "batch": 2,
        "crop": [64, 64],
        "warmup_steps": 2,
        "checkpoint_every": 2,
        "validate_every": steps,
        "workers": 0,
    }
    return shipped


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run / CHECKPOINT)["network"]


def test_the_same_seed_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(config(3), data, tmp_path / name)
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert len(list((tmp_path / "a" / "pictures").iterdir())) == 3


def test_a_killed_run_resumes_where_it_stopped(data: Path, tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text(yaml.safe_dump(config(400)))
    run = tmp_path / "run"
    command = [sys.executable, "-m", "training.train", "--config", str(settings)]
    command += ["--data", str(data), "--out", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = time.monotonic() + 60
    while not (run / CHECKPOINT).exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    reached = load_checkpoint(run / CHECKPOINT)["step"]
    assert 0 < reached < 400

    train(config(reached + 2), data, run)
    assert load_checkpoint(run / CHECKPOINT)["step"] == reached + 2


def test_training_lowers_the_loss_it_is_asked_to_lower(data: Path, tmp_path: Path) -> None:
    untrained = train(config(1), data, tmp_path / "short")
    trained = train(config(30), data, tmp_path / "long")
    frame = RoadScene(SceneConfig(seed=1, width=160, height=128)).frame(0)
    rgb = torch.from_numpy(frame.rgb).permute(2, 0, 1)[None].float() / 255
    ir = torch.from_numpy(frame.ir)[None, None].float() / 255
    from training.losses import intensity_loss
    from training.model.network import luma_of

    with torch.no_grad():
        before, after = (
            intensity_loss(luma_of(rgb) + network(rgb, ir)[0], luma_of(rgb), ir)
            for network in (untrained, trained)
        )
    assert after < 0.7 * before


def test_the_rate_warms_up_and_falls() -> None:
    settings = {"learning_rate": 1.0, "warmup_steps": 10, "steps": 110}
    assert learning_rate(0, settings) == pytest.approx(0.1)
    assert learning_rate(10, settings) == pytest.approx(1.0)
    assert learning_rate(110, settings) == pytest.approx(0.01)

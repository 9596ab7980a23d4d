"""The page of a training, as a browser shows it."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mtvif_ros.metrics.fusion import METRICS
from tests.training import tiny
from training.config import Config, PairSelection
from training.data.classes import classes_of
from training.history.best import Best
from training.history.page import write_page
from training.history.records import History, Validation
from training.model import build_model

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def config(steps: int = 200, patience: int = 0) -> Config:
    made = tiny.config()
    train = replace(made.train, steps=steps, patience=patience)
    return replace(made, train=train, validate=(PairSelection(path="val"),))


def validation(step: int, score: float, labelled: bool = True) -> Validation:
    names = [one.name for one in tiny.network().classes]
    iou: dict[str, float | None] = dict.fromkeys(names)
    matrix = np.zeros((len(names), len(names)), int)
    matrix[1, 1:3] = 3, 1
    return Validation(
        step,
        score,
        dict.fromkeys(METRICS, 0.5),
        iou | {"car": score} if labelled else iou,
        score if labelled else None,
        matrix.tolist() if labelled else None,
        ["a <b>"],
    )


def history(*validations: Validation) -> History:
    return History(Path("unused"), {step: {"dice": 1.0, "edge": 0.1} for step in (1, 2, 3)}, [*validations])


def page(run: Path, settings: Config, of: History, best: Best | None) -> str:
    (run / "pictures").mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(run / "pictures" / "a <b>.jpg"), np.full((8, 64, 3), 90, np.uint8))
    write_page(run, settings, Path("my data"), build_model(settings.model, classes_of(settings)), of, best)
    return (run / "index.html").read_text()


@pytest.fixture
def shown(tmp_path: Path) -> str:
    return page(
        tmp_path / "mine", config(), history(validation(10, 0.75), validation(20, 0.5)), Best(10, 0.75)
    )


def test_it_needs_no_network(shown: str) -> None:
    for foreign in ('src="http', 'href="http', "@import", "url(http"):
        assert foreign not in shown


def test_it_tells_curves_scores_classes_and_settings(shown: str) -> None:
    assert "Training: step 20 of 200" in shown
    assert "The best validation so far is that of step 10: mean IoU 0.750." in shown
    # Two of losses, two of fusion, one of IoU, and the matrix; classes without labels are absent.
    assert shown.count("<svg") == 6
    assert "car</td><td>0.500</td><td>0.750</td><td>100.00 %</td>" in shown
    assert "bike</td><td>absent</td>" in shown
    assert "a &lt;b&gt;" in shown and shown.count('": "/9j/') == 4
    assert "validate_every: 100" in shown


def test_its_commands_name_the_run_and_the_data(shown: str, tmp_path: Path) -> None:
    run = tmp_path / "mine"
    assert f"training.export --run {run} --best --out {run}/mine.onnx" in shown
    assert f"training.evaluate --model {run}/mine_int8.onnx --data &#39;my data/val&#39;" in shown
    assert f"fusion.launch.py model:={run}/mine_int8.onnx" in shown


def test_a_run_that_ended_early_says_so(tmp_path: Path) -> None:
    scored = [validation(step, 0.5) for step in (10, 20, 30)]
    told = page(tmp_path, config(patience=2), history(*scored), Best(10, 0.5))
    assert "Ended early, at step 30 of 200" in told


def test_a_validation_without_masks_leaves_segmentation_out(tmp_path: Path) -> None:
    told = page(tmp_path, config(20), history(validation(20, 0.5, labelled=False)), Best(20, 0.5))
    assert "Trained for 20 steps" in told
    assert "no pair to validate on has a mask" in told and "mean of VIF, Qabf and SSIM 0.500" in told


def test_a_training_without_validation_still_gets_a_page(tmp_path: Path) -> None:
    told = page(tmp_path, replace(config(3), validate=()), history(), None)
    assert "Trained for 3 steps" in told and told.count("<svg") == 2 and "--best" not in told


@pytest.mark.parametrize(
    ("names", "on"), [(("background", "car"), "rendered 48"), (("floor", "crate"), "data FOLDER_OF_PAIRS")]
)
def test_rendered_frames_are_suggested_to_judge_classes_that_they_show(
    names: tuple[str, ...], on: str, tmp_path: Path
) -> None:
    own = replace(config(3), validate=(), classes=dict.fromkeys(names))
    told = page(tmp_path, own, history(), None)
    assert f"_int8.onnx --{on}" in told and ("--rendered" in told) == (on == "rendered 48")


@pytest.mark.parametrize(
    ("names", "judged", "on"),
    [
        ((), {}, ["mine_int8.onnx --data &#39;my data/val&#39;", "models/mtvif_int8.onnx --data &#39;my"]),
        (("background", "car"), {}, ["mine_int8.onnx --data &#39;my data/val&#39;"]),
        ((), {"map": {"truck": "car"}}, ["mine_int8.onnx --rendered", "models/mtvif_int8.onnx --rendered"]),
        (("floor", "crate"), {"names": ("crate", "floor")}, ["mine_int8.onnx --data FOLDER_OF_PAIRS"]),
    ],
)
def test_no_folder_is_suggested_whose_masks_mean_something_else(
    names: tuple[str, ...], judged: dict[str, Any], on: list[str], tmp_path: Path
) -> None:
    own = replace(config(3), validate=(PairSelection(path="val", **judged),), classes=dict.fromkeys(names))
    told = page(tmp_path / "mine", own, history(), None)
    assert all(command in told for command in on) and told.count("training.evaluate --") == len(on)


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt install chromium)")
def test_a_browser_shows_the_samples_and_opens_them(shown: str, tmp_path: Path) -> None:
    probe = "<script>document.querySelector('.shots button').click();</script></body>"
    (tmp_path / "probed.html").write_text(shown.replace("</body>", probe))
    assert CHROMIUM
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    flags += ["--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [CHROMIUM, *flags, "--dump-dom", (tmp_path / "probed.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "<dialog open" in done.stdout
    assert done.stdout.count('src="data:image/jpeg;base64,/9j/') == 5

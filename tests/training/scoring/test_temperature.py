from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mtvif_ros.classes import IGNORE, STREET
from mtvif_ros.engines import load_engine
from mtvif_ros.imaging.masks import read_mask
from mtvif_ros.recordings.pair_folder import find_pairs, load_pair
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.mtvif_ros.toy import write_toy
from tests.training import tiny
from training.confidence import main
from training.model.onnx_file import write_onnx
from training.scoring.temperature import best_temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_with_is_found(
    temperature: float, rng: np.random.Generator
) -> None:
    logits = rng.normal(0, 3, (40_000, 5)).astype(np.float32)
    drawn = (logits / temperature + rng.gumbel(size=logits.shape)).argmax(1).astype(np.uint8)
    assert best_temperature(logits, drawn) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize(("right", "bound"), [(True, 0.05), (False, 20.0)])
def test_labels_that_are_always_or_never_right_end_at_a_bound(right: bool, bound: float) -> None:
    logits = np.array([[3, 0]] * 10, np.float32)
    labels = np.full(10, 0 if right else 1, np.uint8)
    assert best_temperature(logits, labels) == pytest.approx(bound, rel=1e-3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two rendered pairs with labels, of a size that no stride divides."""
    for number in range(2):
        frame = RoadScene(SceneConfig(seed=1, width=150, height=120)).frame(number * 40)
        for part, pixels in (("vi", frame.rgb[..., ::-1]), ("ir", frame.ir), ("labels", frame.mask)):
            (tmp_path / part).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / part / f"{number}.png"), pixels)
    return tmp_path


def test_the_command_writes_the_temperature_into_the_file_and_changes_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    network, path = tiny.network("patch"), folder / "model.onnx"
    torch.nn.init.normal_(network.get_parameter("decoder.segmentation.logits.weight"))
    write_onnx(network.eval(), path, {"model_version": "kept"})
    rgb, ir = load_pair(find_pairs(folder)[0])
    before, after = None, None
    for _ in range(2):
        engine = load_engine(path, "onnxruntime", size=(120, 150), confidence=True)
        before, after = after, engine.infer(rgb, ir)
        main(["--model", str(path), "--data", str(folder)])
    assert before is not None and after is not None
    first, second = (line for line in capsys.readouterr().out.splitlines() if ": temperature " in line)
    assert first == second and "by 36000 pixels" in first
    assert engine.model.version == "kept"
    assert np.array_equal(before.mask, after.mask) and np.array_equal(before.fused, after.fused)
    assert after.confidence is not None and before.confidence is not None
    assert after.confidence.mean() < before.confidence.mean() - 5  # it knows nothing yet


def test_labels_that_list_the_classes_in_another_order_count(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{name}:{','.join(map(str, rgb))}::\n" for name, rgb in reversed(STREET)]
    (folder / "labelmap.txt").write_text("".join(lines))
    (folder / "labels").rename(folder / "SegmentationClass")
    for path in (folder / "SegmentationClass").iterdir():
        cv2.imwrite(str(path), len(STREET) - 1 - read_mask(path))  # numbers of lines
    write_onnx(tiny.network("patch").eval(), folder / "model.onnx", {})
    main(["--model", str(folder / "model.onnx"), "--data", str(folder)])
    assert "by 36000 pixels" in capsys.readouterr().out


def test_a_file_without_a_temperature_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = write_toy(folder / "plain.onnx", 60, 80)
    with pytest.raises(SystemExit):
        main(["--model", str(plain), "--data", str(folder)])
    assert "plain.onnx: has no confidence with a temperature; export it" in capsys.readouterr().err


@pytest.mark.parametrize("empty", [False, True])
def test_pairs_without_labels_are_told(empty: bool, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in (folder / "labels").iterdir():
        label.unlink()
        if empty:
            cv2.imwrite(str(label), np.full((120, 150), IGNORE, np.uint8))
    write_onnx(tiny.network("patch").eval(), folder / "model.onnx", {})
    with pytest.raises(SystemExit):
        main(["--model", str(folder / "model.onnx"), "--data", str(folder)])
    assert "the pairs have no labels" in capsys.readouterr().err

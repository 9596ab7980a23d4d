"""A model of any classes goes the whole way: training, export, int8, the node, its replay and the report."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mtvif_ros.imaging.fuse import Fuser
from mtvif_ros.model_file import read_model_file
from mtvif_ros.recordings.make_bag import main as make_bag
from mtvif_ros.recordings.pair_folder import find_pairs, load_pair
from mtvif_ros.replay.command import main as replay
from mtvif_ros.replay.summary import read_summary
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.training import tiny
from training.export import main as export
from training.quantise import quantise
from training.train import main as train


def write_pairs(root: Path, classes: int) -> None:
    """Write three small pairs whose masks are stripes of every class."""
    scene = RoadScene(SceneConfig(seed=1, width=160, height=128))
    stripes = np.tile((np.arange(160) * classes // 160).astype(np.uint8), (128, 1))
    for folder in ("vi", "ir", "labels"):
        (root / folder).mkdir(parents=True)
    for number in range(3):
        frame = scene.frame(number * 40)
        for folder, pixels in (("vi", frame.rgb[..., ::-1]), ("ir", frame.ir), ("labels", stripes)):
            cv2.imwrite(str(root / folder / f"{number}.png"), pixels)


@pytest.mark.long
@pytest.mark.parametrize("count", [3, 40])
def test_a_model_of_own_classes_is_trained_runs_in_the_node_and_is_in_the_report(
    count: int, tmp_path: Path
) -> None:
    pairs, names = tmp_path / "own", [f"thing{number}" for number in range(count)]
    write_pairs(pairs, count)
    config = tiny.plain_config(
        tiny.settings("patch"),
        steps=2,
        sources=[{"path": "own", "share": 1.0, "names": names}],
    )
    config |= {"classes": {"thing0": None, "thing1": "#ff8000"} | dict.fromkeys(names[2:])}
    config |= {"validate": [{"path": "own", "names": names}]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    train(
        ["--config", str(tmp_path / "config.yaml"), "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    )

    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    export(["--run", str(tmp_path / "run"), "--out", str(full)])
    quantise(full, small, find_pairs(pairs))
    model = read_model_file(small)
    assert list(model.classes) == names
    assert tuple(model.colours[1]) == (255, 128, 0)

    make_bag(["--pairs", str(pairs), "--out", str(tmp_path / "bag")])
    out = tmp_path / "results"
    arguments = ["--bag", str(tmp_path / "bag"), "--model", str(small), "--out", str(out)]
    arguments += ["--size", "128x160", "--backend", "onnxruntime", "--fast", "--no-preview"]
    assert replay(arguments) == 0
    quality = read_summary(out / "summary.json").quality
    assert quality is not None and quality.confusion is not None
    confusion = np.array(quality.confusion)
    assert confusion.shape == (count, count)
    assert (confusion.sum(1) > 0).all()  # every class was labelled
    predicted = np.concatenate(
        [Fuser(small, "onnxruntime")(*load_pair(files)).mask.ravel() for files in find_pairs(pairs)]
    )
    assert confusion.sum(0).tolist() == np.bincount(predicted, minlength=count).tolist()
    page = (out / "report.html").read_text()
    assert all(name in page for name in names)

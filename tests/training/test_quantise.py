from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from mtvif_ros.engines import load_engine
from mtvif_ros.engines.tensorrt.build import build_engine
from mtvif_ros.engines.tensorrt.flavour import Flavour
from mtvif_ros.imaging.fuse import Fuser
from mtvif_ros.model_file import read_model_file
from mtvif_ros.recordings.pair_folder import find_pairs, load_pair
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.training import tiny
from training.model.onnx_file import write_onnx
from training.quantise import quantise
from training.scoring.parity import compare_outputs, outputs_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small rendered pairs and full.onnx, an untrained network on pretrained features."""
    root = tmp_path_factory.mktemp("pairs")
    scene = RoadScene(SceneConfig(seed=1, width=160, height=128))
    for name in ("vi", "ir"):
        (root / name).mkdir()
    for number in range(4):
        frame = scene.frame(number * 40)
        frame.rgb[0, :2], frame.ir[0, :2] = ((0, 0, 0), (255, 255, 255)), (0, 255)
        cv2.imwrite(str(root / "vi" / f"{number}.png"), frame.rgb[..., ::-1])
        cv2.imwrite(str(root / "ir" / f"{number}.png"), frame.ir)
    torch.manual_seed(0)
    described = {"model_version": "test", "trained_on": "nothing", "licence": "none"}
    write_onnx(tiny.network("lite0", pretrained=True), root / "full.onnx", described)
    return root


@pytest.fixture(
    scope="module", params=[False, pytest.param(True, marks=pytest.mark.long)], ids=["unsigned", "signed"]
)
def small(request: pytest.FixtureRequest, folder: Path) -> Path:
    """full.onnx, quantised."""
    path = folder / f"small_{request.param}.onnx"
    quantise(folder / "full.onnx", path, find_pairs(folder), signed=request.param)
    return path


def test_an_int8_file_obeys_the_contract_and_gives_nearly_the_same(small: Path, folder: Path) -> None:
    full, pairs = folder / "full.onnx", find_pairs(folder)
    assert small.stat().st_size < 0.5 * full.stat().st_size
    model = read_model_file(small)
    assert (model.size, model.precision) == (None, "int8")
    assert model.properties["trained_on"] == "nothing"
    parity = compare_outputs(*(outputs_of(Fuser(path, "onnxruntime"), pairs) for path in (full, small)))
    assert parity.psnr > 30
    # The head is untrained and its classes lie close together. Were the class index itself quantised,
    # the odd classes would be gone and half of this.
    assert parity.mask_equal > 0.7


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_only_a_file_of_fp32_is_quantised(precision: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"mtvif_{precision}\.onnx: is {precision} already; quantise the fp32"
    ):
        quantise(Path(f"models/mtvif_{precision}.onnx"), tmp_path / "small.onnx", find_pairs(folder))


def test_an_int8_file_is_as_certain_and_its_mask_rests_on_that_in_nothing(small: Path, folder: Path) -> None:
    rgb, ir = load_pair(find_pairs(folder)[0])
    full, int8, without = (
        load_engine(path, "onnxruntime", size=(128, 160), confidence=wanted).infer(rgb, ir)
        for path, wanted in ((folder / "full.onnx", True), (small, True), (small, False))
    )
    assert full.confidence is not None and int8.confidence is not None
    assert np.abs(full.confidence.astype(int) - int8.confidence).mean() < 10
    assert np.array_equal(int8.mask, without.mask)


def test_the_encoders_first_look_at_both_frames_is_rounded_once(small: Path) -> None:
    nodes = onnx.load(str(small)).graph.node
    rounded = {node.input[0] for node in nodes if node.op_type == "QuantizeLinear"}
    first_look = [node for node in nodes if "/encoder/excess/" in node.name]
    assert [node.op_type for node in first_look if rounded & set(node.output)] == ["Relu"]


def test_int8_takes_nothing_from_the_excess_of_infrared(folder: Path, tmp_path: Path) -> None:
    """An untrained head shows it as it is; the frames hold black and white, as calibration expects."""
    torch.manual_seed(0)
    full, small, pairs = tmp_path / "full.onnx", tmp_path / "small.onnx", find_pairs(folder)
    write_onnx(tiny.network("patch"), full, {})
    quantise(full, small, pairs)
    parity = compare_outputs(*(outputs_of(Fuser(path, "onnxruntime"), pairs) for path in (full, small)))
    assert parity.within_one == 1.0 and parity.psnr > 70


@pytest.mark.long
@pytest.mark.parametrize("small", [True], indirect=True, ids=["signed"])
@pytest.mark.parametrize("compute_capability", ["8.6", "8.9", "12.0"])
def test_a_signed_int8_file_becomes_a_tensorrt_engine(
    compute_capability: str, tensorrt_rtx: Flavour, small: Path
) -> None:
    assert len(build_engine(tensorrt_rtx, read_model_file(small), (128, 160), compute_capability)) > 100_000

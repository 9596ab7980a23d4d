from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from onnx import numpy_helper

from mtvif_ros.engines import load_engine
from mtvif_ros.pair_folder import find_pairs
from mtvif_ros.synthetic import RoadScene, SceneConfig
from training.export import export
from training.model import build_model
from training.parity import compare_outputs, outputs_of
from training.quantise import quantise


def test_an_int8_file_obeys_the_contract_and_gives_nearly_the_same(tmp_path: Path) -> None:
    scene = RoadScene(SceneConfig(seed=1, width=160, height=128))
    for name in ("vi", "ir"):
        (tmp_path / name).mkdir()
    for number in range(4):
        frame = scene.frame(number * 40)
        cv2.imwrite(str(tmp_path / "vi" / f"{number}.png"), frame.rgb[..., ::-1])
        cv2.imwrite(str(tmp_path / "ir" / f"{number}.png"), frame.ir)
    torch.manual_seed(0)
    network = build_model({"encoder": "lite0"})
    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    described = {"model_version": "test", "trained_on": "nothing", "licence": "none"}
    export(network, full, (128, 160), described)
    pairs = find_pairs(tmp_path)

    quantise(full, small, pairs)

    assert small.stat().st_size < 0.5 * full.stat().st_size
    engine = load_engine(small, "onnxruntime")
    assert engine.model.precision == "int8"
    assert engine.model.properties["trained_on"] == "nothing"
    zeros = [
        numpy_helper.to_array(tensor)
        for tensor in onnx.load(small).graph.initializer
        if tensor.data_type in (onnx.TensorProto.UINT8, onnx.TensorProto.INT8)
    ]
    assert all(zero.dtype == np.int8 for zero in zeros), "TensorRT reads no uint8 quantisation"
    parity = compare_outputs(outputs_of(load_engine(full, "onnxruntime"), pairs), outputs_of(engine, pairs))
    assert parity.psnr > 30
    # The head is untrained and its classes lie close together. Were the class index itself quantised,
    # the odd classes would be gone and half of this.
    assert parity.mask_equal > 0.7

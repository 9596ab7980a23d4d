"""Write a network as an ONNX model file that obeys the contract, and compare the two."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxslim
import torch
from onnx import numpy_helper

from mtvif_ros.engines import load_engine
from mtvif_ros.size import USUAL, Size, shown
from training.model.contract import INPUT_NAMES, OUTPUT_NAMES, TEMPERATURE, ContractModel
from training.model.decoders import FusionDecoder
from training.model.network import MultiTaskVIF, Network

PRECISIONS = ("fp32", "fp16")
# Tolerances on a frame of noise: grey levels, and the share of equal mask pixels.
_MOST_OFF = {"fp32": 1, "fp16": 4}
_LEAST_SAME = {"fp32": 0.999, "fp16": 0.97}
_MOST_UNSURE = {"fp32": 0.1, "fp16": 5.0}
_ANY_TEMPERATURE = 2.0  # at 1, the simplifier would remove the constant
_ODD = (230, 330)  # no stride divides it
_OPSET = 17  # the newest that JetPack 6's TensorRT reads in full


def write_onnx(
    network: Network,
    path: Path,
    properties: dict[str, str],
    precision: str = "fp32",
    size: Size | None = None,
) -> None:
    """Write `network` to `path` and compare their outputs.

    The file takes frames of every size, or only of `size`. The temperature of its confidence is 1 until
    training.confidence finds a better one. `precision` is fp32 or fp16, in which TensorRT then computes; for
    int8 see training.quantise. `properties` join the file's metadata.

    Raises ValueError for a network without segmentation, which the contract requires, for one that torch
    cannot export, and when the file's outputs differ from the network's on a frame of noise.
    """
    if isinstance(network, MultiTaskVIF) and isinstance(network.decoder, FusionDecoder):
        raise ValueError(
            "a network with model.decoder fusion has no segmentation: export multitask or cascade"
        )
    model = write_graph(network, path, precision, size)
    set_temperature(model, 1.0)
    described = {
        "classes": json.dumps([one.name for one in network.classes]),
        "palette": json.dumps([one.rgb for one in network.classes]),
        "precision": precision,
        **properties,
    }
    del model.metadata_props[:]
    for key, value in described.items():
        model.metadata_props.add(key=key, value=value)
    _declare_output_shapes(model, size or ("H", "W"))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    for compared in [size] if size else (USUAL, _ODD):
        _compare(ContractModel(network).eval(), path, compared, precision)


def write_graph(
    network: Network, path: Path, precision: str = "fp32", size: Size | None = None
) -> onnx.ModelProto:
    """Write what `network` computes to `path`, without a description, and return it.

    Settings are those of write_onnx, but the temperature is any; without segmentation every pixel is
    background. Raises ValueError for a network that torch cannot export.
    """
    exported = copy.deepcopy(network).half() if precision == "fp16" else network
    contract = ContractModel(exported, _ANY_TEMPERATURE).eval()
    torch.onnx.register_custom_op_symbolic("aten::_upsample_bicubic2d_aa", _enlarge, _OPSET)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its deprecation, and of constants that it does not fold
        try:
            torch.onnx.export(
                contract,
                _noise(size or _ODD),
                str(path),
                input_names=list(INPUT_NAMES),
                output_names=list(OUTPUT_NAMES),
                opset_version=_OPSET,
                dynamic_axes=None if size else {name: {1: "H", 2: "W"} for name in INPUT_NAMES},
                dynamo=False,  # the other exporter cannot write opset 17
            )
        except torch.onnx.errors.OnnxExporterError as error:
            told = str(error).splitlines()[0]
            raise ValueError(
                f"{path}: train another encoder, torch cannot export this one: {told}"
            ) from error
    model = onnxslim.slim(onnx.load(str(path)))
    onnx.save(model, str(path))
    return model


def set_temperature(model: onnx.ModelProto, temperature: float) -> None:
    """Set the constant that divides the logits for the confidence.

    Raises ValueError for a model without it.
    """
    constants = [tensor for tensor in model.graph.initializer if tensor.name == TEMPERATURE]
    if not constants:
        raise ValueError("has no confidence with a temperature; export it again with training.export")
    constants[0].CopyFrom(numpy_helper.from_array(np.array(temperature, np.float32), TEMPERATURE))


def _enlarge(graph: Any, plane: Any, size: Any, *_: Any) -> Any:
    """Write what the exporter cannot: how vision transformers stretch their table of positions.

    The smoothing that opset 17 lacks changes nothing in an enlargement.
    """
    first, third = (graph.op("Constant", value_t=torch.tensor([number])) for number in (0, 2))
    unchanged = graph.op("Slice", graph.op("Shape", plane), first, third)
    sizes = graph.op("Concat", unchanged, graph.op("Cast", size, to_i=onnx.TensorProto.INT64), axis_i=0)
    none = graph.op("Constant", value_t=torch.tensor([], dtype=torch.float32))
    return graph.op(
        "Resize", plane, none, none, sizes, mode_s="cubic", cubic_coeff_a_f=-0.5, exclude_outside_i=1,
        coordinate_transformation_mode_s="half_pixel",
    )  # fmt: skip


def _noise(size: Size) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    shapes = ((1, *size, 3), (1, *size))
    rgb, ir = (torch.from_numpy(rng.integers(0, 256, shape, np.uint8)) for shape in shapes)
    return rgb, ir


def _declare_output_shapes(model: onnx.ModelProto, size: Size | tuple[str, str]) -> None:
    for output in model.graph.output:
        shape = (1, *size, 3) if output.name == "fused" else (1, *size)
        declared = onnx.helper.make_tensor_value_info(output.name, onnx.TensorProto.UINT8, shape)
        output.CopyFrom(declared)


def _compare(contract: ContractModel, path: Path, size: Size, precision: str) -> None:
    frames = _noise(size)
    with torch.no_grad():
        expected = [output.numpy()[0] for output in contract(*frames)]
    engine = load_engine(path, "onnxruntime", size=size, confidence=True)
    fused, mask, confidence = engine.infer(frames[0].numpy()[0], frames[1].numpy()[0])
    assert confidence is not None
    off = np.abs(fused.astype(np.int16) - expected[0]).max()
    same = (mask == expected[1]).mean()
    unsure = np.abs(confidence.astype(np.int16) - expected[2]).mean()
    print(
        f"{path}: at {shown(size)} fused within {off} grey levels of the network, mask equal on {same:.2%}, "
        f"confidence off by {unsure:.2f} of 255"
    )
    limits = _MOST_OFF[precision], _LEAST_SAME[precision], _MOST_UNSURE[precision]
    if off > limits[0] or same < limits[1] or unsure > limits[2]:
        raise ValueError(
            f"{path}: at {shown(size)} the file does not compute what the network does. The operations of "
            "some encoders timm/NAME depend on the size: try one --size"
        )

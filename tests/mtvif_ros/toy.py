"""A model file that takes no time."""

import json
from pathlib import Path

import onnx
from onnx import helper

from mtvif_ros.classes import STREET, SegmentationClass


def write_toy(
    path: Path,
    height: int | str,
    width: int | str,
    classes: tuple[SegmentationClass, ...] = STREET,
    confidence: bool = False,
) -> Path:
    """Write a model that obeys the contract, loads at once, and raises on a visible frame that is all white.

    `fused` is the brighter of both frames; `segmentation` is class 1 where infrared is warm; `confidence`, if
    wanted, is the infrared frame. Names instead of numbers leave height and width open.
    """
    kinds = onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["rgb"], ["visible"], to=kinds.INT32),
        helper.make_node("Cast", ["ir"], ["infrared"], to=kinds.INT32),
        helper.make_node("ReduceMin", ["visible"], ["darkest"], keepdims=0),
        helper.make_node("Equal", ["darkest", "full"], ["is_white"]),
        helper.make_node("Cast", ["is_white"], ["row"], to=kinds.INT64),
        helper.make_node("Gather", ["table", "row"], ["nothing"], axis=0),
        helper.make_node("Unsqueeze", ["infrared", "last"], ["plane"]),
        helper.make_node("Max", ["visible", "plane"], ["brighter"]),
        helper.make_node("Cast", ["brighter"], ["fused"], to=kinds.UINT8),
        helper.make_node("Greater", ["infrared", "warm"], ["is_warm"]),
        helper.make_node("Cast", ["is_warm"], ["index"], to=kinds.INT32),
        helper.make_node("Add", ["index", "nothing"], ["class"]),
        helper.make_node("Cast", ["class"], ["segmentation"], to=kinds.UINT8),
    ]
    constants = [
        helper.make_tensor("full", kinds.INT32, [], [255]),
        helper.make_tensor("warm", kinds.INT32, [], [128]),
        helper.make_tensor("table", kinds.INT32, [1], [0]),
        helper.make_tensor("last", kinds.INT64, [1], [-1]),
    ]
    shapes: dict[str, tuple[int | str, ...]] = {"rgb": (1, height, width, 3), "ir": (1, height, width)}
    shapes |= {"fused": shapes["rgb"], "segmentation": shapes["ir"]}
    outputs = ["fused", "segmentation"]
    if confidence:
        nodes.append(helper.make_node("Cast", ["infrared"], ["confidence"], to=kinds.UINT8))
        shapes["confidence"] = shapes["ir"]
        outputs.append("confidence")
    tensors = {
        name: helper.make_tensor_value_info(name, kinds.UINT8, shape) for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        nodes,
        "toy",
        [tensors["rgb"], tensors["ir"]],
        [tensors[name] for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    metadata = {"classes": [one.name for one in classes], "palette": [one.rgb for one in classes]}
    helper.set_model_props(model, {name: json.dumps(value) for name, value in metadata.items()})
    onnx.save(model, str(path))
    return path

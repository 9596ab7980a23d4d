"""What the node says of the mask's values."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import onnx
from rcl_interfaces.srv import GetParameters

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.node.fusion_node import FusionNode
from tests.mtvif_ros.node.cameras import Cameras, NodeLog, local_node, toy_parameters

Running = Callable[..., AbstractContextManager[FusionNode]]


def test_class_names_and_colours_can_be_read_and_not_set(cameras: Cameras, running: Running) -> None:
    with running():
        request = GetParameters.Request(names=["classes", "palette"])
        answer = cameras.call(GetParameters, "fusion_node/get_parameters", request)
        assert "belongs to the model file" in cameras.set_parameter("classes", ["cat"])
    names, colours = (value.string_array_value for value in answer.values)
    assert list(names) == list(STREET_NAMES)
    assert colours[1] == "#4060ff"


def test_a_parameter_file_does_not_replace_what_the_model_says(
    cameras: Cameras, toy_model: Path, node_log: NodeLog
) -> None:
    dumped = {"classes": ["old"], "palette": ["#000000"]}
    with local_node(cameras, {**toy_parameters(toy_model), **dumped}) as node:
        node.trigger_configure()
        assert list(node.get_parameter("classes").value) == list(STREET_NAMES)
        assert node.get_parameter("palette").value[1] == "#4060ff"
    assert "does not exist" not in node_log()


def test_the_next_configure_brings_the_labels_of_its_model(
    cameras: Cameras, toy_model: Path, tmp_path: Path
) -> None:
    other = onnx.load(str(toy_model))
    for entry in other.metadata_props:
        if entry.key == "palette":
            entry.value = json.dumps([[index, 0, 0] for index in range(len(STREET_NAMES))])
    onnx.save(other, str(tmp_path / "other.onnx"))
    with local_node(cameras, toy_parameters(toy_model)) as node:
        node.trigger_configure()
        node.trigger_cleanup()
        assert cameras.set_parameter("model", str(tmp_path / "other.onnx")) == ""
        node.trigger_configure()
        assert node.get_parameter("palette").value[2] == "#020000"

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from mtvif_ros.node import runtime
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import Cameras, NodeLog, running_node, toy_parameters

_WORKERS, _DOMAINS = 4, 36  # `make test` has at most four workers
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _WORKERS
_turn = count(os.getppid())


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cameras]:
    """Two cameras in a domain of their own; nodes in this process report ten times a second."""
    # A node that was killed stays visible for 20 s; the next test must not wait for its services.
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + (_WORKERS * next(_turn) + _worker) % _DOMAINS))
    monkeypatch.setattr(runtime, "_REPORT_PERIOD", 0.1)
    cameras = Cameras()
    yield cameras
    cameras.close()


@pytest.fixture
def node_log(capfd: pytest.CaptureFixture[str]) -> NodeLog:
    return NodeLog(capfd)


@pytest.fixture(scope="session")
def small_frame(night_frame: Frame) -> Frame:
    """A frame of the toy model's size, 60x80."""
    return night_frame._replace(
        rgb=np.ascontiguousarray(night_frame.rgb[::8, ::8]), ir=np.ascontiguousarray(night_frame.ir[::8, ::8])
    )


@pytest.fixture(scope="session")
def toy_model(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that obeys the contract, loads at once, and raises on a visible frame that is white everywhere.

    `fused` is the brighter of both frames; `segmentation` is class 1 where infrared is warm.
    """
    height, width = 60, 80
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
    shapes = {"rgb": (1, height, width, 3), "ir": (1, height, width)}
    shapes |= {"fused": shapes["rgb"], "segmentation": shapes["ir"]}
    tensors = {
        name: helper.make_tensor_value_info(name, kinds.UINT8, shape) for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        nodes,
        "toy",
        [tensors["rgb"], tensors["ir"]],
        [tensors["fused"], tensors["segmentation"]],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.metadata_props.extend(onnx.load(str(model_path)).metadata_props)
    path = tmp_path_factory.mktemp("toy") / "toy.onnx"
    onnx.save(model, str(path))
    return path


@pytest.fixture
def running(
    cameras: Cameras, small_frame: Frame, toy_model: Path
) -> Callable[..., AbstractContextManager[FusionNode]]:
    """Run a node in this process, spun by the cameras, with the toy model."""
    return partial(running_node, cameras, small_frame, toy_parameters(toy_model))

"""How the node starts, fails to start, changes and ends."""

import signal
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from onnx import helper
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mtvif_ros.imaging.codec import read_grey, read_rgb, write_compressed
from mtvif_ros.replay.node_process import NodeProcess, NodeProcessError
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.dds import Cameras, running_node


@pytest.fixture
def fragile_model(model_path: Path, tmp_path: Path) -> Path:
    """A model that obeys the contract and raises on a visible frame that is white everywhere."""
    shipped = onnx.load(str(model_path))
    kinds = onnx.TensorProto
    nodes = [
        helper.make_node("Identity", ["rgb"], ["fused"]),
        helper.make_node("Cast", ["rgb"], ["numbers"], to=kinds.INT32),
        helper.make_node("ReduceMin", ["numbers"], ["darkest"], keepdims=0),
        helper.make_node("Equal", ["darkest", "full"], ["is_white"]),
        helper.make_node("Cast", ["is_white"], ["row"], to=kinds.INT64),
        helper.make_node("Gather", ["table", "row"], ["one"], axis=0),
        helper.make_node("Mul", ["one", "zero"], ["nothing"]),
        helper.make_node("Cast", ["nothing"], ["byte"], to=kinds.UINT8),
        helper.make_node("Expand", ["byte", "shape"], ["segmentation"]),
    ]
    constants = [
        helper.make_tensor("zero", kinds.INT32, [], [0]),
        helper.make_tensor("full", kinds.INT32, [], [255]),
        helper.make_tensor("table", kinds.INT32, [1], [0]),
        helper.make_tensor("shape", kinds.INT64, [3], [1, 480, 640]),
    ]
    graph = helper.make_graph(
        nodes, "fragile", list(shipped.graph.input), list(shipped.graph.output), constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.metadata_props.extend(shipped.metadata_props)
    path = tmp_path / "fragile.onnx"
    onnx.save(model, str(path))
    return path


def test_an_engine_that_raises_costs_one_pair(
    cameras: Cameras, night_frame: Frame, fragile_model: Path, tmp_path: Path
) -> None:
    parameters = {"model": str(fragile_model), "backend": "onnxruntime"}
    with running_node(cameras, tmp_path, parameters):
        cameras.send(night_frame._replace(rgb=np.full_like(night_frame.rgb, 255)), 7)
        assert cameras.spin_until(lambda: "pair dropped" in (tmp_path / "log").read_text())
        cameras.send(night_frame, 8)
        assert cameras.answered(8)
        assert cameras.diagnosis()[2]["failed"] == "1"
    assert [seen.header.stamp.sec for seen in cameras.fused] == [8]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("missing", "no such file"),
        ("truncated", "not a readable ONNX file"),
        ("wrong contract", "`classes`"),
    ],
)
def test_a_model_that_cannot_be_used_ends_the_start_and_says_why(
    fault: str, told: str, model_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    if fault == "truncated":
        path.write_bytes(model_path.read_bytes()[:100_000])
    elif fault == "wrong contract":
        model = onnx.load(str(model_path))
        del model.metadata_props[:]
        onnx.save(model, str(path))
    process = NodeProcess({"model": str(path)}, tmp_path / "log")
    with pytest.raises(NodeProcessError, match="ended with code 1"):
        process.wait_until(lambda: False, 30)
    assert told in (tmp_path / "log").read_text()


def test_a_failed_configure_can_be_repeated_with_the_right_model(
    cameras: Cameras, model_path: Path, tmp_path: Path
) -> None:
    with NodeProcess({"autostart": "false", "model": "/nowhere.onnx"}, tmp_path / "log"):
        change = cameras.node.create_client(ChangeState, "fusion_node/change_state")
        for works in (False, True):
            if works:
                assert cameras.set_parameter("model", str(model_path)) == ""
            request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
            assert cameras.call(change, request).success is works
    assert "/nowhere.onnx: no such file" in (tmp_path / "log").read_text()


def test_an_interrupt_in_the_middle_of_inference_finishes_that_pair_and_ends_within_two_seconds(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    with running_node(cameras, tmp_path) as process:
        for stamp in range(20):
            cameras.send(night_frame, 1 + stamp)
            cameras.spin(0.01)
        start = time.monotonic()
        process.signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert time.monotonic() - start < 2
    assert ", failed 0;" in (tmp_path / "log").read_text()


def test_live_parameters_change_what_comes_out_and_others_are_refused(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    with running_node(cameras, tmp_path):
        cameras.send(night_frame, 1)
        assert cameras.answered(1)
        assert cameras.set_parameter("thermal.invert", True) == ""
        cameras.send(night_frame, 2)
        assert cameras.answered(2)
        assert not np.array_equal(read_rgb(cameras.fused[0]), read_rgb(cameras.fused[1]))
        for name, value, told in (
            ("thermal.low", 99.9, "need 0 <= low < high"),
            ("sync.slop", 99.0, "sync.slop"),
            ("backend", "onnxruntime", "clean up the node first"),
            ("registration.homography", [1.0, 2.0], "needs 9 finite numbers"),
            ("registration.file", "/nowhere.yaml", "/nowhere.yaml"),
        ):
            assert told in cameras.set_parameter(name, value)
        cameras.send(night_frame, 3)
        assert cameras.answered(3)
    assert np.array_equal(read_rgb(cameras.fused[1]), read_rgb(cameras.fused[2]))


def test_registration_brings_a_shifted_infrared_camera_back(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    shifted = night_frame._replace(ir=np.roll(night_frame.ir, 40, axis=1))
    # A strip that the shifted camera does not see: black, which changes the fused image beside it, too.
    seen = night_frame.ir.copy()
    seen[:, -40:] = 0
    with running_node(cameras, tmp_path):
        cameras.send(night_frame._replace(ir=seen), 1)
        assert cameras.answered(1)
        moved_back = [1.0, 0.0, -40.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        assert cameras.set_parameter("registration.homography", moved_back) == ""
        cameras.send(shifted, 2)
        assert cameras.answered(2)
    first, second = (read_rgb(message).astype(int) for message in cameras.fused)
    assert np.abs(first - second).mean() < 0.5


def test_compressed_cameras_are_answered_compressed_too(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    publishers = [
        cameras.node.create_publisher(CompressedImage, f"{camera}/image_raw/compressed", 10)
        for camera in ("rgb", "ir")
    ]
    seen: dict[str, list[CompressedImage]] = {"fused": [], "segmentation": []}
    for name, messages in seen.items():
        cameras.node.create_subscription(CompressedImage, f"mtvif/{name}/compressed", messages.append, 10)
    parameters = {"rgb.transport": "compressed", "ir.transport": "compressed"}
    with NodeProcess(parameters, tmp_path / "log") as process:
        process.wait_until(
            lambda: (
                cameras.spin_until(lambda: True)
                and all(p.get_subscription_count() for p in publishers)
                and cameras.node.count_publishers("mtvif/fused/compressed") > 0
            )
        )
        cameras.spin(0.5)
        for publisher, pixels, kind in zip(publishers, (night_frame.rgb, night_frame.ir), ("jpeg", "png")):
            header = Image().header
            header.stamp.sec = 5
            publisher.publish(write_compressed(pixels, kind, header))
        assert cameras.spin_until(lambda: all(seen.values()) and bool(cameras.masks and cameras.fused))
    np.testing.assert_array_equal(read_grey(seen["segmentation"][0]), read_grey(cameras.masks[0]))
    difference = read_rgb(seen["fused"][0]).astype(int) - read_rgb(cameras.fused[0])
    assert np.abs(difference).mean() < 3


def test_camera_info_that_fits_comes_out_with_the_outputs_header(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    seen: list[CameraInfo] = []
    cameras.node.create_subscription(CameraInfo, "mtvif/camera_info", seen.append, 10)
    publisher = cameras.node.create_publisher(CameraInfo, "rgb/camera_info", 10)
    with running_node(cameras, tmp_path):
        cameras.spin_until(lambda: publisher.get_subscription_count() > 0)
        publisher.publish(CameraInfo(height=480, width=640, distortion_model="plumb_bob"))
        cameras.spin(0.3)
        cameras.send(night_frame, 1)
        assert cameras.spin_until(lambda: bool(seen))
        publisher.publish(CameraInfo(height=100, width=100))
        cameras.spin(0.3)
        cameras.send(night_frame, 2)
        assert cameras.answered(2)
        cameras.spin(0.3)
    assert [(info.header.stamp.sec, info.distortion_model) for info in seen] == [(1, "plumb_bob")]
    assert "camera_info is for 100x100" in (tmp_path / "log").read_text()


def test_a_parameter_that_there_is_not_is_told(cameras: Cameras, tmp_path: Path) -> None:
    """ROS drops it without a word; one of quality of service is declared later, and is no such."""
    given = {"sync.slopp": "0.5", "qos_overrides./rgb/image_raw.subscription.depth": "3", "sync.slop": "0.05"}
    with running_node(cameras, tmp_path, given):
        pass
    told = [
        line for line in (tmp_path / "log").read_text().splitlines() if "there is none of that name" in line
    ]
    assert len(told) == 1 and "parameter sync.slopp" in told[0] and "did you mean sync.slop?" in told[0]


def test_quality_of_service_can_be_overridden_by_topic(cameras: Cameras, tmp_path: Path) -> None:
    override = {"qos_overrides./mtvif/fused.publisher.reliability": "best_effort"}
    with running_node(cameras, tmp_path, override):
        found = cameras.node.get_publishers_info_by_topic("mtvif/fused")
    assert [one.qos_profile.reliability.name for one in found] == ["BEST_EFFORT"]


def test_nodes_in_two_namespaces_do_not_hear_each_other(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    heard: list[Image] = []
    cameras.node.create_subscription(Image, "/rear/mtvif/fused", heard.append, 10)
    with (
        NodeProcess({}, tmp_path / "rear", namespace="/rear") as rear,
        running_node(cameras, tmp_path),
    ):
        rear.wait_until(
            lambda: cameras.spin_until(lambda: cameras.node.count_publishers("/rear/mtvif/fused") > 0, 1)
        )
        cameras.send(night_frame, 1)
        assert cameras.answered(1)
        cameras.spin(0.5)
    assert heard == []


def test_a_full_disk_for_the_engine_cache_costs_nothing_but_time(
    cameras: Cameras, night_frame: Frame, tiny_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", str(tiny_disk))
    with running_node(cameras, tmp_path, {"backend": "openvino"}):
        cameras.send(night_frame, 1)
        assert cameras.answered(1)
    assert "No space left on device" in (tmp_path / "log").read_text()

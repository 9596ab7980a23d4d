"""How infrared comes to lie on the visible image: by a homography, or through lenses once known."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import yaml
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from mtvif_ros import topics
from mtvif_ros.imaging.codec import read_rgb
from mtvif_ros.imaging.lenses import Pose, pose_values
from mtvif_ros.node.aligner import Aligner
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.node.parameters import Calibration
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import Cameras, NodeLog, ros_arguments

Running = Callable[..., AbstractContextManager[FusionNode]]

FOCAL = 40.0  # px


@pytest.fixture
def pose_file(tmp_path: Path) -> Path:
    """Infrared 1 m to the right of the visible camera: 40 px at 1 m, 4 px at 10 m."""
    path = tmp_path / "pose.yaml"
    path.write_text(yaml.safe_dump(pose_values(Pose(translation=(-1.0, 0.0, 0.0)))))
    return path


def info(frame: str) -> CameraInfo:
    message = CameraInfo(height=60, width=80, distortion_model="plumb_bob", d=[0.0] * 5)
    message.k = [FOCAL, 0.0, 40.0, 0.0, FOCAL, 30.0, 0.0, 0.0, 1.0]
    message.header.frame_id = frame
    return message


def expected(frame: Frame, columns: int) -> np.ndarray:  # type: ignore[type-arg]
    seen = np.zeros_like(frame.ir)
    seen[:, columns:] = frame.ir[:, : frame.ir.shape[1] - columns]
    return np.maximum(frame.rgb, seen[..., None])


def test_infrared_is_laid_on_through_lenses_at_a_distance_that_may_change(
    cameras: Cameras, small_frame: Frame, running: Running, pose_file: Path, node_log: NodeLog
) -> None:
    publishers = [
        cameras.node.create_publisher(CameraInfo, topics.camera_info(topic), 10)
        for topic in (topics.RGB, topics.IR)
    ]

    def looks_like(columns: int) -> bool:
        for publisher, name in zip(publishers, ("light", "heat")):
            publisher.publish(info(name))
        fused, _ = cameras.ask(small_frame)
        return bool(np.abs(read_rgb(fused).astype(int) - expected(small_frame, columns)).mean() < 0.5)

    with running({"registration.file": pose_file, "registration.distance": 10.0}):
        assert node_log.tells("camera_info: has not come", cameras)
        assert cameras.diagnosis()[1]["registration.by"] == "homography"
        assert cameras.spin_until(lambda: looks_like(4))
        assert cameras.diagnosis()[1]["registration.by"] == "lenses"
        assert cameras.set_parameter("registration.distance", 5.0) == ""
        assert looks_like(8)
        assert cameras.set_parameter("registration.distance", 0.0) == ""
        assert looks_like(0)


def test_one_camera_info_is_not_taken_for_that_of_two_cameras(
    cameras: Cameras, small_frame: Frame, pose_file: Path, node_log: NodeLog
) -> None:
    publisher = cameras.node.create_publisher(CameraInfo, "/duo/camera_info", 10)
    rules = ["rgb/image_raw:=/duo/visible", "ir/image_raw:=/duo/thermal"]
    node = Node("duo", context=cameras.context, cli_args=ros_arguments({}, rules))
    cameras.executor.add_node(node)
    aligner = Aligner(node, Calibration(file=str(pose_file), distance=10.0))
    aligner.open()
    size = small_frame.ir.shape[1], small_frame.ir.shape[0]

    def is_told() -> bool:
        publisher.publish(info("duo"))
        assert np.array_equal(aligner(small_frame.ir, size, size), small_frame.ir)
        return "/duo/camera_info: is beside both image topics; remap rgb/camera_info or ir" in node_log()

    assert cameras.spin_until(is_told)
    aligner.close()
    cameras.executor.remove_node(node)
    node.destroy_node()


def test_a_pose_that_is_missing_is_told(
    cameras: Cameras, small_frame: Frame, running: Running, node_log: NodeLog
) -> None:
    publishers = [
        cameras.node.create_publisher(CameraInfo, topics.camera_info(topic), 10)
        for topic in (topics.RGB, topics.IR)
    ]
    try:
        import tf2_ros  # noqa: F401
    except ModuleNotFoundError:
        told = "pose is unknown; set registration.file, or install tf2_ros"
    else:
        told = "tf does not lead from 'light' to 'heat'"

    def is_told() -> bool:
        for publisher, name in zip(publishers, ("light", "heat")):
            publisher.publish(info(name))
        cameras.ask(small_frame)
        return told in node_log()

    with running({"registration.distance": 10.0}):
        assert cameras.spin_until(is_told)


def test_a_pose_comes_from_tf(cameras: Cameras, small_frame: Frame, running: Running) -> None:
    pytest.importorskip("tf2_ros", reason="tf2_ros has no wheel; a full ROS has it")
    from geometry_msgs.msg import TransformStamped
    from tf2_ros import StaticTransformBroadcaster

    place = TransformStamped(child_frame_id="heat")
    place.header.frame_id = "light"
    place.transform.translation.x = 1.0
    broadcaster = StaticTransformBroadcaster(cameras.node)
    broadcaster.sendTransform(place)
    publishers = [
        cameras.node.create_publisher(CameraInfo, topics.camera_info(topic), 10)
        for topic in (topics.RGB, topics.IR)
    ]

    def is_laid_on() -> bool:
        for publisher, name in zip(publishers, ("light", "heat")):
            publisher.publish(info(name))
        fused, _ = cameras.ask(small_frame)
        return bool(np.abs(read_rgb(fused).astype(int) - expected(small_frame, 4)).mean() < 0.5)

    with running({"registration.distance": 10.0}) as node:
        assert cameras.spin_until(is_laid_on)
        node.trigger_deactivate()
        cameras.node.destroy_publisher(broadcaster.pub_tf)
        node.trigger_activate()
        assert is_laid_on()

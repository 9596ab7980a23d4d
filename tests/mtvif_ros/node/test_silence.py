"""A camera that nothing comes from: the log says who publishes what, and what helps."""

from pathlib import Path

import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from mtvif_ros import topics
from mtvif_ros.node import announce, runtime
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import Cameras, NodeLog, local_node, toy_parameters

IR = "/ir/image_raw"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "_LASTING", 300_000_000)


def start(node: FusionNode) -> None:
    node.trigger_configure()
    node.trigger_activate()


NOBODY = f"{IR}: nobody publishes it; start the camera, or remap ir/image_raw to one of the image topics here"
RELIABLE = {f"qos_overrides.{IR}.subscription.reliability": "reliable"}
COMPRESSED = {"ir.transport": "compressed"}


@pytest.mark.parametrize(
    ("publishes", "parameters", "told"),
    [
        ({}, {}, f"{NOBODY} (/rgb/image_raw)"),
        ({"/flir": Image}, {}, f"{NOBODY} (/flir, /rgb/image_raw)"),
        (
            {f"{IR}/compressed": CompressedImage},
            {},
            f"ir.transport to compressed: {IR}/compressed is there",
        ),
        ({IR: Image}, COMPRESSED, f"nobody publishes it; set ir.transport to raw: {IR} is there"),
        ({IR: String}, {}, f"{IR}: is std_msgs/msg/String from /driver, not sensor_msgs/msg/Image; start"),
        (
            {IR: Image},
            {},
            "/driver (best effort, volatile) publishes sensor_msgs/msg/Image, but no frame",
        ),
        (
            {IR: Image},
            RELIABLE,
            "/driver (best effort, volatile) does not suit this node's (reliable, volatile)",
        ),
    ],
)
def test_a_silent_topic_is_explained(
    publishes: dict[str, type],
    parameters: dict[str, str],
    told: str,
    cameras: Cameras,
    toy_model: Path,
    node_log: NodeLog,
) -> None:
    cameras.node.destroy_publisher(cameras.publishers[1])
    # In a context of its own, like another process: one context has one type for a topic.
    context = rclpy.Context()
    rclpy.init(context=context)
    driver = Node("driver", context=context)
    for topic, kind in publishes.items():
        driver.create_publisher(kind, topic, qos_profile_sensor_data)
    with local_node(cameras, {**toy_parameters(toy_model), **parameters}) as node:
        start(node)
        assert node_log.tells(told, cameras)
    driver.destroy_node()
    context.shutdown()


def test_a_camera_remapped_to_its_compressed_topic_gets_the_transport_and_the_name(
    cameras: Cameras, toy_model: Path, node_log: NodeLog
) -> None:
    context = rclpy.Context()
    rclpy.init(context=context)
    driver = Node("driver", context=context)
    driver.create_publisher(CompressedImage, "/flir/compressed", 10)
    with local_node(cameras, toy_parameters(toy_model), ["ir/image_raw:=/flir/compressed"]) as node:
        start(node)
        assert node_log.tells(
            "not sensor_msgs/msg/Image; set ir.transport to compressed, and remap ir/image_raw to /flir",
            cameras,
        )
    driver.destroy_node()
    context.shutdown()


def test_a_change_is_told_and_the_end_too(
    cameras: Cameras, small_frame: Frame, toy_model: Path, node_log: NodeLog
) -> None:
    cameras.node.destroy_publisher(cameras.publishers[1])
    with local_node(cameras, toy_parameters(toy_model)) as node:
        start(node)
        assert node_log.tells(f"{IR}: nobody publishes it", cameras)
        cameras.publishers[1] = cameras.node.create_publisher(Image, IR, 10)
        assert node_log.tells("but no frame arrives; is the camera running", cameras)
        cameras.ask(small_frame, patience=0.5)
        assert node_log.tells(f"{IR}: frames arrive", cameras)
    assert node_log().count("nobody publishes it") == 1


def test_no_frames_are_said_to_arrive_at_a_node_that_rests(
    cameras: Cameras, toy_model: Path, node_log: NodeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_LINGER", 3_000_000_000)
    cameras.node.destroy_publisher(cameras.publishers[1])
    for one in list(cameras.node.subscriptions):
        if one.topic_name.endswith((topics.FUSED, topics.SEGMENTATION)):
            cameras.node.destroy_subscription(one)
    with local_node(cameras, toy_parameters(toy_model)) as node:
        start(node)
        assert node_log.tells(f"{IR}: nobody publishes it", cameras)
        assert cameras.spin_until(lambda: cameras.diagnosis()[0].message == "idle: nobody listens")
        cameras.diagnosis()  # the report after the first that knows
    assert "frames arrive" not in node_log()


def test_simulated_time_without_a_clock_is_told_and_frames_without_stamps_are_answered(
    cameras: Cameras, small_frame: Frame, toy_model: Path, node_log: NodeLog
) -> None:
    clock = cameras.node.create_publisher(Clock, "/clock", 10)

    def is_answered() -> bool:
        count = len(cameras.fused)
        cameras.send(small_frame, 0)
        return cameras.spin_until(lambda: len(cameras.fused) > count, 0.5)

    def time_comes() -> bool:
        clock.publish(Clock(clock=Time(sec=7)))
        return "/clock: time comes" in node_log()

    with local_node(cameras, {**toy_parameters(toy_model), "use_sim_time": True}) as node:
        start(node)
        assert node_log.tells("/clock: use_sim_time is true, but no time comes", cameras)
        assert all(cameras.spin_until(is_answered) for _ in range(3))
        assert cameras.diagnosis()[1]["rgb.duplicate"] == "0"
        assert cameras.spin_until(time_comes)

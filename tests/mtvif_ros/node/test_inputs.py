"""Which topics the node listens to, and what it makes of what comes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import yaml
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import Header

from mtvif_ros import topics
from mtvif_ros.imaging.codec import read_grey, read_rgb, write_compressed, write_image
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.node.inputs import ArrivalClock, make_synchronizer
from mtvif_ros.node.parameters import Sync
from mtvif_ros.pairing.synchronizer import Stream
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import (
    Cameras,
    NodeLog,
    local_node,
    ros_arguments,
    running_node,
    toy_parameters,
)

Running = Callable[..., AbstractContextManager[FusionNode]]


def subscribed(node: FusionNode) -> set[str]:
    return {subscription.topic_name for subscription in node.subscriptions} - {"/parameter_events", "/clock"}


@pytest.fixture
def front(cameras: Cameras) -> Iterator[Cameras]:
    """Cameras with names of their own, and a listener in the namespace /front."""
    front = Cameras("/cam/color", "/cam/thermal", namespace="/front")
    yield front
    front.close()


def test_people_read_topics_as_they_are_after_remapping_and_namespace(
    front: Cameras, small_frame: Frame, toy_model: Path, node_log: NodeLog
) -> None:
    rules = ["rgb/image_raw:=/cam/color", "ir/image_raw:=/cam/thermal"]
    with running_node(front, small_frame, toy_parameters(toy_model), rules=rules, namespace="/front") as node:
        status, values = front.diagnosis()
        assert (values["rgb.topic"], values["ir.topic"]) == ("/cam/color", "/cam/thermal")
        assert status.name == "/front/fusion_node: fusion"
        front.send(small_frame, 0)
        assert node_log.tells("/cam/color: stamps are zero", front)
        front.send(small_frame, front.next_stamp(), encoding="hsv8")
        assert node_log.tells("pair dropped: /cam/color: encoding 'hsv8'", front)
        silent = "no frames from /cam/color and /cam/thermal"
        assert front.spin_until(lambda: front.diagnosis()[0].message == silent)
        summary = node.release()
    assert "/cam/color: " in summary and "/cam/thermal: " in summary


SWAPPED = ["rgb/image_raw:=ir/image_raw", "ir/image_raw:=rgb/image_raw"]


def test_two_topics_can_be_swapped_by_remapping(
    cameras: Cameras, small_frame: Frame, toy_model: Path
) -> None:
    swapped = Cameras(topics.IR, topics.RGB)
    try:
        with running_node(swapped, small_frame, toy_parameters(toy_model), rules=SWAPPED):
            fused, _ = swapped.ask(small_frame)
            values = swapped.diagnosis()[1]
    finally:
        swapped.close()
    assert np.array_equal(read_rgb(fused), np.maximum(small_frame.rgb, small_frame.ir[..., None]))
    assert (values["rgb.topic"], values["ir.topic"]) == ("/ir/image_raw", "/rgb/image_raw")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], {"/rgb/image_raw/compressed", "/ir/image_raw/compressed", "/rgb/camera_info"}),
        (SWAPPED, {"/rgb/image_raw/compressed", "/ir/image_raw/compressed", "/ir/camera_info"}),
        (
            ["rgb/image_raw:=/cam/color", "ir/image_raw/compressed:=/thermal_jpeg"],
            {"/cam/color/compressed", "/thermal_jpeg", "/cam/camera_info"},
        ),
        (
            ["rgb/image_raw:=/cam/color", "rgb/camera_info:=/calibration"],
            {"/cam/color/compressed", "/ir/image_raw/compressed", "/calibration"},
        ),
    ],
)
def test_companions_follow_their_topic_unless_they_are_remapped_themselves(
    rules: list[str], expected: set[str], cameras: Cameras, toy_model: Path
) -> None:
    transports = {"rgb.transport": "compressed", "ir.transport": "compressed"}
    with local_node(cameras, {**toy_parameters(toy_model), **transports}, rules) as node:
        node.trigger_configure()
        node.trigger_activate()
        assert subscribed(node) == expected


def test_raw_topics_are_subscribed_in_the_namespace_while_active(cameras: Cameras, toy_model: Path) -> None:
    with local_node(cameras, toy_parameters(toy_model), namespace="/rear") as node:
        node.trigger_configure()
        assert subscribed(node) == set()
        node.trigger_activate()
        assert subscribed(node) == {"/rear/rgb/image_raw", "/rear/ir/image_raw", "/rear/rgb/camera_info"}
        node.trigger_deactivate()
        assert subscribed(node) == set()


def test_the_shortest_wait_for_a_partner_keeps_no_core_busy(cameras: Cameras, toy_model: Path) -> None:
    with local_node(cameras, {**toy_parameters(toy_model), "sync.max_wait": 0.001}) as node:
        node.trigger_configure()
        node.trigger_activate()
        assert min(timer.timer_period_ns for timer in node.timers) >= 5_000_000


def test_quality_of_service_can_be_overridden_for_one_camera(cameras: Cameras, toy_model: Path) -> None:
    override = {"qos_overrides./rgb/image_raw.subscription.reliability": "reliable"}
    with local_node(cameras, {**toy_parameters(toy_model), **override}) as node:
        node.trigger_configure()
        node.trigger_activate()
        found = {one.topic_name: one.qos_profile.reliability for one in node.subscriptions}
    assert found["/rgb/image_raw"] == ReliabilityPolicy.RELIABLE
    assert found["/ir/image_raw"] == ReliabilityPolicy.BEST_EFFORT


def test_a_parameters_file_overrides_the_quality_of_service_of_each_topic_alone(
    cameras: Cameras, toy_model: Path, tmp_path: Path, node_log: NodeLog
) -> None:
    overrides = {
        "/cam/thermal": {"subscription": {"reliability": "reliable", "depth": 2}},
        "/clock": {"subscription": {"depth": 7}},
        "/ir/image_raw": {"subscription": {"depth": 7}},
        "/mtvif/fused": {"publisher": {"reliability": "best_effort"}},
    }
    values = {"use_sim_time": True, "qos_overrides": overrides}
    path = tmp_path / "parameters.yaml"
    path.write_text(yaml.safe_dump({"/**": {"ros__parameters": values}}))
    arguments = ros_arguments(toy_parameters(toy_model), ["ir/image_raw:=/cam/thermal"])
    arguments += ["--params-file", str(path)]
    node = FusionNode(context=cameras.context, cli_args=arguments)
    node.trigger_configure()
    node.trigger_activate()
    heard = {
        one.topic_name: (one.qos_profile.reliability, one.qos_profile.depth) for one in node.subscriptions
    }
    sent = {one.topic_name: one.qos_profile.reliability for one in node.publishers}
    log = node_log()
    node.release()
    node.destroy_node()
    assert heard["/cam/thermal"] == (ReliabilityPolicy.RELIABLE, 2)
    assert heard["/rgb/image_raw"] == (ReliabilityPolicy.BEST_EFFORT, 5)
    for ignored in ("/clock", "/ir/image_raw"):
        assert f"parameter qos_overrides.{ignored}.subscription.depth is ignored" in log
    assert log.count("is ignored") == 2
    assert sent["/mtvif/fused"] == ReliabilityPolicy.BEST_EFFORT
    assert sent["/mtvif/segmentation"] == ReliabilityPolicy.RELIABLE


@pytest.mark.parametrize(
    ("rules", "heard"),
    [
        (SWAPPED, ["/ir/image_raw", "/rgb/image_raw"]),
        (["rgb/image_raw:=ir/image_raw", "ir/image_raw:=/third"], ["/ir/image_raw", "/third"]),
    ],
)
def test_names_are_remapped_once_although_clock_and_parameters_are_read(
    rules: list[str], heard: list[str], cameras: Cameras, toy_model: Path
) -> None:
    with local_node(cameras, {**toy_parameters(toy_model), "use_sim_time": True}, rules) as node:
        node.trigger_configure()
        node.trigger_activate()
        assert {*heard} <= subscribed(node)
        assert "/clock" in {subscription.topic_name for subscription in node.subscriptions}
        assert cameras.spin_until(lambda: cameras.diagnostics)
        values = cameras.diagnosis()[1]
    assert [values["rgb.topic"], values["ir.topic"]] == heard


@pytest.mark.parametrize("offset", [0.0, -999_000_000.0])
def test_cameras_whose_clocks_cannot_be_compared_are_paired_by_arrival_or_offset(
    offset: float, cameras: Cameras, small_frame: Frame, toy_model: Path
) -> None:
    by = {"sync.offset": offset} if offset else {"sync.by": "arrival", "sync.slop": 10.0}

    def send() -> bool:
        stamp = cameras.next_stamp()
        cameras.publish(0, write_image(small_frame.rgb, "rgb8", Header()), 999_000_000 + stamp)
        cameras.publish(1, write_image(small_frame.ir, "mono8", Header()), stamp)
        return cameras.spin_until(lambda: cameras.fused, 0.5)

    with local_node(cameras, {**toy_parameters(toy_model), **by}) as node:
        node.trigger_configure()
        node.trigger_activate()
        assert cameras.spin_until(send)
    assert cameras.fused[0].header.stamp.sec > 999_000_000


def test_a_stamp_that_never_changes_is_told_and_pairing_by_arrival_answers(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    def is_told() -> bool:
        cameras.send(small_frame, 5)
        return "stamps repeat on /rgb/image_raw and /ir/image_raw" in cameras.diagnosis()[0].message

    with running():
        assert cameras.spin_until(is_told)
    with running({"sync.by": "arrival"}):
        for count in range(3):
            cameras.send(small_frame, 5)
            assert cameras.spin_until(lambda: len(cameras.fused) > count)  # noqa: B023


def test_frames_without_stamps_never_share_one() -> None:
    readings = iter([0, 0, 70, 70, 70, 90, 30])
    clock = ArrivalClock(lambda: next(readings))
    wall = [clock.stamp(Stream.RGB), clock.stamp(Stream.RGB)]
    assert 0 < wall[0] < wall[1]
    assert [clock.stamp(Stream.RGB) for _ in range(5)] == [70, 71, 72, 90, 30]


def test_compressed_cameras_are_answered(cameras: Cameras, small_frame: Frame, toy_model: Path) -> None:
    publishers = [
        cameras.node.create_publisher(CompressedImage, topics.compressed(topic), 10)
        for topic in (topics.RGB, topics.IR)
    ]

    def send() -> bool:
        header = Header()
        header.stamp.sec = cameras.next_stamp()
        for publisher, pixels in zip(publishers, (small_frame.rgb, small_frame.ir)):
            publisher.publish(write_compressed(pixels, "png", header))
        return cameras.spin_until(lambda: cameras.fused and cameras.masks, 0.5)

    transports = {"rgb.transport": "compressed", "ir.transport": "compressed"}
    with local_node(cameras, {**toy_parameters(toy_model), **transports}) as node:
        node.trigger_configure()
        node.trigger_activate()
        assert cameras.spin_until(send)
    assert np.array_equal(read_grey(cameras.masks[0]), small_frame.ir > 128)


def test_frames_with_zero_stamps_are_paired_by_arrival(
    cameras: Cameras, small_frame: Frame, running: Running, node_log: NodeLog
) -> None:
    with running():
        for _ in range(5):
            cameras.fused.clear()
            cameras.send(small_frame, 0)
            assert cameras.spin_until(lambda: cameras.fused)
        assert node_log.tells("/rgb/image_raw: stamps are zero", cameras)
        values = cameras.diagnosis()[1]
    assert int(values["rgb.zero_stamps"]) == 5
    assert cameras.fused[0].header.stamp.sec == 0


def test_latency_from_a_zero_stamp_counts_from_arrival(
    cameras: Cameras, small_frame: Frame, toy_model: Path
) -> None:
    with local_node(cameras, toy_parameters(toy_model)) as node:
        node.trigger_configure()
        node.trigger_activate()

        def send() -> bool:
            cameras.send(small_frame, 0)
            return cameras.spin_until(lambda: cameras.fused, 0.5)

        assert cameras.spin_until(send)
        values = cameras.diagnosis()[1]
    assert float(values["latency_from_stamp.p50_ms"]) < 1e6  # not since 1970


def test_camera_info_is_kept_until_a_pair_needs_it(
    cameras: Cameras, small_frame: Frame, running: Running, node_log: NodeLog
) -> None:
    seen: list[CameraInfo] = []
    cameras.node.create_subscription(CameraInfo, topics.CAMERA_INFO, seen.append, 10)
    publisher = cameras.node.create_publisher(CameraInfo, topics.camera_info(topics.RGB), 10)

    def offer(info: CameraInfo) -> list[CameraInfo]:
        publisher.publish(info)
        cameras.ask(small_frame)
        return seen

    with running():
        height, width = small_frame.ir.shape
        fits = CameraInfo(height=height, width=width, distortion_model="plumb_bob")
        assert cameras.spin_until(lambda: offer(fits))
        stamps = [fused.header.stamp for fused in cameras.fused]
        assert seen[0].distortion_model == "plumb_bob" and seen[0].header.stamp in stamps
        wrong = CameraInfo(height=100, width=100)
        assert cameras.spin_until(lambda: offer(wrong) and "camera_info is for 100x100" in node_log())
        assert "/mtvif/camera_info is not published" in node_log()
        cameras.ask(small_frame)
    assert {(info.height, info.width) for info in seen} == {(height, width)}


def test_a_wider_slop_acts_from_the_next_frames_on(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    def send() -> bool:
        cameras.shift_time(10)
        stamp = cameras.next_stamp()
        cameras.publish(0, write_image(small_frame.rgb, "rgb8", Header()), stamp)
        cameras.publish(1, write_image(small_frame.ir, "mono8", Header()), stamp + 1)
        return cameras.spin_until(lambda: cameras.fused, 0.5)

    with running({"fallback.mode": "none"}):
        assert not send()
        assert cameras.set_parameter("sync.slop", 2.0) == ""
        assert cameras.spin_until(send)


def test_the_parameters_say_how_many_frames_wait_and_for_how_long() -> None:
    synchronizer = make_synchronizer(Sync(queue_size=2, max_wait=0.1))
    for number in range(3):
        synchronizer.add(Stream.RGB, number * 33_000_000, "visible", number)
    assert synchronizer.waiting(Stream.RGB) == 2 and synchronizer.counts(Stream.RGB).overflowed == 1
    synchronizer.poll(99_000_000)
    assert synchronizer.waiting(Stream.RGB) == 2
    synchronizer.poll(101_000_000)
    assert synchronizer.waiting(Stream.RGB) == 0


def test_pairing_by_arrival_leaves_the_clocks_offset_alone() -> None:
    synchronizer = make_synchronizer(Sync(by="arrival", offset=12.3))
    assert not synchronizer.add(Stream.RGB, 1_000_000, "visible", 1_000_000)
    pairs = [*synchronizer.add(Stream.IR, 4_000_000, "infrared", 4_000_000), *synchronizer.poll(10**9)]
    assert [(pair.rgb, pair.ir) for pair in pairs] == [("visible", "infrared")]


def test_a_pairing_policy_that_is_not_installed_is_told() -> None:
    try:
        import message_filters  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(ModuleNotFoundError, match=r"sync.policy exact: needs message_filters"):
            make_synchronizer(Sync(policy="exact"))
    else:
        make_synchronizer(Sync(policy="exact"))

"""What the node publishes, in which forms, and when."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest

from mtvif_ros import topics
from mtvif_ros.classes import STREET, STREET_NAMES, colour_table
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.draw import overlay, with_boxes
from mtvif_ros.imaging.regions import find_regions
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import Cameras, NodeLog, local_node, toy_parameters

COLOURS = colour_table([one.rgb for one in STREET])

Running = Callable[..., AbstractContextManager[FusionNode]]


@pytest.mark.parametrize("boxes", [False, True])
def test_the_overlay_is_drawn_once_someone_listens(
    boxes: bool, cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    overlays: list[Image] = []
    with running({"overlay.boxes": boxes, "overlay.opacity": 0.2, "detections.min_area": 5}):
        cameras.node.create_subscription(Image, topics.OVERLAY, overlays.append, 10)
        assert cameras.ask_until(small_frame, lambda: overlays)
    fused, mask = read_rgb(cameras.fused[-1]), read_grey(cameras.masks[-1])
    drawn = overlay(fused, mask, COLOURS, 0.2)
    if boxes:
        regions = find_regions(mask, (1,), least=5)
        assert regions
        drawn = with_boxes(drawn, regions, STREET_NAMES, COLOURS)
    assert np.array_equal(read_rgb(overlays[-1]), drawn)


def test_the_compressed_mask_is_lossless_and_the_fused_image_close(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    seen: dict[str, list[CompressedImage]] = {topics.FUSED: [], topics.SEGMENTATION: []}
    for topic, messages in seen.items():
        cameras.node.create_subscription(CompressedImage, topics.compressed(topic), messages.append, 10)
    with running():
        assert cameras.ask_until(small_frame, lambda: all(seen.values()))
    fused, mask = seen[topics.FUSED][-1], seen[topics.SEGMENTATION][-1]
    assert "jpeg" in fused.format and "png" in mask.format
    assert np.array_equal(read_grey(mask), read_grey(cameras.masks[-1]))
    assert np.abs(read_rgb(fused).astype(int) - read_rgb(cameras.fused[-1])).mean() < 6


def test_the_compressed_form_follows_a_remapped_topic(cameras: Cameras, toy_model: Path) -> None:
    with local_node(cameras, toy_parameters(toy_model), ["mtvif/fused:=/bright"]) as node:
        node.trigger_configure()
        names = {publisher.topic_name for publisher in node.publishers}
    assert {"/bright", "/bright/compressed", "/mtvif/segmentation/compressed"} <= names
    assert "/mtvif/fused/compressed" not in names


def test_quality_of_service_can_be_overridden_for_one_topic(cameras: Cameras, toy_model: Path) -> None:
    override = {"qos_overrides./mtvif/segmentation.publisher.reliability": "best_effort"}
    with local_node(cameras, {**toy_parameters(toy_model), **override}) as node:
        node.trigger_configure()
        found = {publisher.topic_name: publisher.qos_profile.reliability for publisher in node.publishers}
    unreliable = [name for name, reliability in found.items() if reliability == ReliabilityPolicy.BEST_EFFORT]
    assert unreliable == ["/mtvif/segmentation"]


def test_the_confidence_is_sent_once_someone_listens(
    cameras: Cameras, small_frame: Frame, running: Running, certain_model: Path
) -> None:
    heard: list[Image] = []
    with running({"model": certain_model}) as node:
        cameras.ask(small_frame)
        assert not heard
        cameras.node.create_subscription(Image, topics.CONFIDENCE, heard.append, 10)
        assert cameras.ask_until(small_frame, lambda: heard)
        assert "/mtvif/confidence/compressed" in {one.topic_name for one in node.publishers}
    assert heard[-1].encoding == "mono8"
    assert np.array_equal(read_grey(heard[-1]), small_frame.ir)


def test_a_model_without_confidence_offers_none(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    with running() as node:
        assert not any("confidence" in publisher.topic_name for publisher in node.publishers)
        told = cameras.set_parameter("confidence.minimum", 0.5)
    assert "toy.onnx gives no confidence; export it again" in told


def test_the_mask_drops_what_is_not_certain_enough(
    cameras: Cameras, small_frame: Frame, running: Running, certain_model: Path
) -> None:
    with running({"model": certain_model}):
        assert cameras.set_parameter("confidence.minimum", 0.3) == ""
        _, mask = cameras.ask(small_frame)
    expected = np.where(small_frame.ir < 77, 255, small_frame.ir > 128)
    assert 0 < (expected == 255).mean() < 1
    assert np.array_equal(read_grey(mask), expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("detections.classes", ["person"]),
        ("detections.min_area", 5000),
        ("detections.max_area", 4),
        ("overlay.boxes", False),
    ],
)
def test_detections_that_are_not_wanted_any_more_are_not_drawn(
    name: str, value: object, cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    overlays: list[Image] = []
    with running({"detections.min_area": 5}):
        assert cameras.set_parameter(name, value) == ""
        cameras.node.create_subscription(Image, topics.OVERLAY, overlays.append, 10)
        assert cameras.ask_until(small_frame, lambda: overlays)
    fused, mask = read_rgb(cameras.fused[-1]), read_grey(cameras.masks[-1])
    assert find_regions(mask, (1,), least=5)
    assert np.array_equal(read_rgb(overlays[-1]), overlay(fused, mask, COLOURS))


@pytest.mark.parametrize(
    "info",
    [
        CameraInfo(height=480, width=640, roi=RegionOfInterest(height=60, width=80, x_offset=100)),
        CameraInfo(height=120, width=160, binning_x=2, binning_y=2),
        CameraInfo(
            height=480, width=640, binning_x=2, binning_y=2, roi=RegionOfInterest(height=120, width=160)
        ),
    ],
    ids=["region", "binning", "both"],
)
def test_camera_info_of_a_part_of_the_sensor_is_passed_on(
    info: CameraInfo, cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    heard: list[CameraInfo] = []
    cameras.node.create_subscription(CameraInfo, topics.CAMERA_INFO, heard.append, 10)
    publisher = cameras.node.create_publisher(CameraInfo, topics.camera_info(topics.RGB), 10)

    def offer() -> list[CameraInfo]:
        publisher.publish(info)
        cameras.ask(small_frame)
        return heard

    with running():
        assert cameras.spin_until(offer)
    assert (heard[0].roi, heard[0].binning_x) == (info.roi, info.binning_x)


def test_temperatures_lie_on_the_visible_grid(cameras: Cameras, small_frame: Frame, running: Running) -> None:
    """Infrared of half the size, moved by eight visible pixels, in hundredths of a kelvin."""
    rows, columns = np.mgrid[:30, :40]
    raw = (30_000 + 100 * columns + 10 * rows).astype(np.uint16)
    heard: list[Image] = []
    moved = "[1.0, 0.0, -8.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]"
    given = {"thermal.gain": 0.01, "thermal.offset": -273.15, "registration.homography": moved}
    with running(given):
        cameras.node.create_subscription(Image, topics.THERMAL, heard.append, 10)
        assert cameras.ask_until(small_frame._replace(ir=raw), lambda: heard)
    message = heard[-1]
    assert (message.encoding, message.height, message.width) == ("32FC1", 60, 80)
    celsius = np.frombuffer(bytes(message.data), np.float32).reshape(60, 80)
    assert np.isnan(celsius[:, -6:]).all() and np.isfinite(celsius[1:-1, 1:-12]).all()
    # Visible pixel 10 shows what lies at 18, which is infrared pixel 8.75; row 20 is infrared row 9.75.
    assert celsius[20, 10] == pytest.approx(300 + 8.75 + 0.975 - 273.15, abs=0.01)


def test_infrared_that_tells_no_temperature_is_told(
    cameras: Cameras, small_frame: Frame, running: Running, node_log: NodeLog
) -> None:
    heard: list[Image] = []
    with running():
        cameras.node.create_subscription(Image, topics.THERMAL, heard.append, 10)
        told = "/ir/image_raw: no temperatures: they need infrared of 16 bits, with"
        assert cameras.ask_until(small_frame, lambda: told in node_log())
    assert not heard


def test_detections_need_classes_of_the_model(cameras: Cameras, small_frame: Frame, running: Running) -> None:
    with running():
        told = cameras.set_parameter("detections.classes", ["person", "persn"])
        assert "detections.classes: persn: no class of" in told and "it has background, car" in told
        assert cameras.set_parameter("detections.classes", ["person"]) == ""


def test_listeners_come_and_go(cameras: Cameras, small_frame: Frame, running: Running) -> None:
    with running():
        for _ in range(3):
            heard: list[Image] = []
            extra = [
                cameras.node.create_subscription(Image, topic, heard.append, 10)
                for topic in (topics.FUSED, topics.OVERLAY)
            ]
            assert cameras.ask_until(small_frame, partial(bool, heard))
            for subscription in extra:
                cameras.node.destroy_subscription(subscription)
            cameras.ask(small_frame)

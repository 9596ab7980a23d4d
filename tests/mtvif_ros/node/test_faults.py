"""What cameras and machines do to a running node; afterwards correct frames are answered again."""

import array
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import Image

from mtvif_ros.imaging.codec import write_image
from mtvif_ros.node.health import Level
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.dds import Cameras, running_node

pytestmark = pytest.mark.usefixtures("node")


@pytest.fixture(scope="module")
def cameras() -> Iterator[Cameras]:
    """One pair of cameras for all faults."""
    cameras = Cameras()
    yield cameras
    cameras.close()


@pytest.fixture(scope="module")
def node(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One node that survives every fault of this file, in whatever order; its log."""
    folder = tmp_path_factory.mktemp("node")
    with running_node(cameras, folder):
        yield folder / "log"


class Stamps:
    """Give stamps that never repeat, over all tests on the one node."""

    now = 1000

    @classmethod
    def next(cls) -> int:
        cls.now += 1
        return cls.now


def counts(cameras: Cameras) -> dict[str, str]:
    return cameras.diagnosis()[2]


def grew(cameras: Cameras, before: dict[str, str], key: str) -> bool:
    """Whether a count rises within a few reports."""
    return any(int(counts(cameras)[key]) > int(before[key]) for _ in range(4))


def answers_again(cameras: Cameras, frame: Frame) -> bool:
    """Whether of a few correct pairs at a camera's pace the last is answered."""
    for _ in range(4):
        stamp = Stamps.next()
        cameras.send(frame, stamp)
        cameras.spin(0.1)
    return cameras.answered(stamp)


def test_a_camera_stops_and_returns(cameras: Cameras, night_frame: Frame) -> None:
    assert answers_again(cameras, night_frame)
    before = counts(cameras)
    end = time.monotonic() + 1.6
    while time.monotonic() < end:
        visible = write_image(night_frame.rgb, "rgb8", Image().header)
        cameras.publish(0, visible, Stamps.next())
        cameras.spin(0.1)
    level, message, values = cameras.diagnosis()
    assert level == Level.STALE and "ir/image_raw" in message
    assert int(values["rgb/image_raw unpaired"]) > int(before["rgb/image_raw unpaired"])
    assert answers_again(cameras, night_frame)


def test_a_camera_that_hangs_is_told(cameras: Cameras, night_frame: Frame) -> None:
    """Infrared goes on with fresh stamps and one picture, which nothing else would tell."""

    def reports(moving: bool) -> list[str]:
        before = len(cameras.diagnostics)
        for number in range(50):
            changed = night_frame.rgb ^ np.uint8(number), night_frame.ir ^ np.uint8(number if moving else 0)
            cameras.send(night_frame._replace(rgb=changed[0], ir=changed[1]), Stamps.next())
            cameras.spin(0.1)
        return [report.status[0].message for report in cameras.diagnostics[before:]]

    assert any("one picture over and over from ir/image_raw" in message for message in reports(moving=False))
    assert "one picture" not in reports(moving=True)[-1]


def test_cameras_whose_clocks_are_minutes_apart_are_told_and_then_mended(
    cameras: Cameras, night_frame: Frame
) -> None:
    before = counts(cameras)
    for _ in range(8):
        stamp = Stamps.next()
        cameras.publish(0, write_image(night_frame.rgb, "rgb8", Image().header), stamp)
        cameras.publish(1, write_image(night_frame.ir, "mono8", Image().header), stamp + 180)
        cameras.spin(0.1)
    assert grew(cameras, before, "rgb/image_raw unpaired")
    Stamps.now += 200
    assert answers_again(cameras, night_frame)


def test_time_jumps_back(cameras: Cameras, night_frame: Frame) -> None:
    assert answers_again(cameras, night_frame)
    Stamps.now -= 500
    assert answers_again(cameras, night_frame)
    Stamps.now += 500


def test_sizes_change_midway(cameras: Cameras, night_frame: Frame) -> None:
    small = night_frame._replace(
        rgb=np.ascontiguousarray(night_frame.rgb[:240, :320]), ir=np.ascontiguousarray(night_frame.ir[:120])
    )
    assert answers_again(cameras, night_frame)
    assert answers_again(cameras, small)
    assert (cameras.fused[-1].height, cameras.masks[-1].width) == (240, 320)
    assert answers_again(cameras, night_frame)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ({"encoding": "hsv8"}, "hsv8"),
        ({"data": array.array("B", bytes(1000))}, "has 1000 bytes of data"),
        ({"height": 10_000, "width": 10_000, "step": 30_000, "data": array.array("B")}, "has 0 bytes"),
        ({"height": 0}, "empty"),
    ],
)
def test_an_impossible_image_fails_alone_and_is_told(
    spoil: dict[str, object], told: str, cameras: Cameras, night_frame: Frame, node: Path
) -> None:
    before = counts(cameras)
    broken = write_image(night_frame.rgb, "rgb8", Image().header)
    for name, value in spoil.items():
        setattr(broken, name, value)
    stamp = Stamps.next()
    cameras.publish(0, broken, stamp)
    cameras.publish(1, write_image(night_frame.ir, "mono8", Image().header), stamp)
    assert grew(cameras, before, "failed")
    assert answers_again(cameras, night_frame)
    assert told in node.read_text()


def test_a_thousand_corrupted_images_do_no_harm(
    cameras: Cameras, night_frame: Frame, rng: np.random.Generator
) -> None:
    before = counts(cameras)
    small = np.ascontiguousarray(night_frame.rgb[:32, :48]), np.ascontiguousarray(night_frame.ir[:32, :48])
    encodings = ("rgb8", "mono16", "nv12", "bayer_rggb8", "yuv422", "", "\u00e9", "8UC3", "32FC1")
    for _ in range(1000):
        stamp = Stamps.next()
        broken = [
            write_image(small[0], "rgb8", Image().header),
            write_image(small[1], "mono8", Image().header),
        ]
        victim = broken[rng.integers(2)]
        for name in rng.choice(["encoding", "height", "width", "step", "data", "is_bigendian"], 2):
            if name == "encoding":
                victim.encoding = encodings[rng.integers(len(encodings))]
            elif name == "data":
                victim.data = array.array("B", rng.bytes(int(rng.integers(0, 9000))))
            elif name == "is_bigendian":
                victim.is_bigendian = int(rng.integers(256))
            else:
                setattr(victim, name, int(rng.choice([0, 1, 31, 33, 65535, 2**32 - 1, 2**31])))
        for camera in (0, 1):
            cameras.publish(camera, broken[camera], stamp)
        cameras.spin(0.004)
    assert answers_again(cameras, night_frame)
    assert int(counts(cameras)["failed"]) > int(before["failed"])


def test_listeners_come_and_go(cameras: Cameras, night_frame: Frame) -> None:
    for _ in range(3):
        extra = [
            cameras.node.create_subscription(Image, topic, lambda _: None, 10)
            for topic in ("mtvif/fused", "mtvif/overlay")
        ]
        cameras.spin(0.3)
        assert answers_again(cameras, night_frame)
        for subscription in extra:
            cameras.node.destroy_subscription(subscription)
        assert answers_again(cameras, night_frame)


def test_every_frame_of_all_that_is_in_exactly_one_count(cameras: Cameras, night_frame: Frame) -> None:
    before = counts(cameras)
    for _ in range(10):
        cameras.send(night_frame, Stamps.next())
        cameras.spin(0.1)
    cameras.spin(1.0)
    after = counts(cameras)
    ends = ("paired", "unpaired", "late", "duplicate", "overflowed")
    for camera in ("rgb/image_raw", "ir/image_raw"):
        assert sum(int(after[f"{camera} {end}"]) - int(before[f"{camera} {end}"]) for end in ends) == 10

"""What cameras and machines do to a running node; afterwards correct frames are answered again."""

import array
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from mtvif_ros.imaging.codec import write_image
from mtvif_ros.node import runtime
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.pairing.synchronizer import StreamCounts
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import PATIENCE, Cameras, running_node, toy_parameters

pytestmark = pytest.mark.usefixtures("node")


@pytest.fixture(scope="module")
def cameras() -> Iterator[Cameras]:
    """One pair of cameras for all faults."""
    cameras = Cameras()
    yield cameras
    cameras.close()


@pytest.fixture(scope="module")
def node(cameras: Cameras, small_frame: Frame, toy_model: Path) -> Iterator[FusionNode]:
    """One node that survives every fault of this file, in whatever order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_REPORT_PERIOD", 0.1)
        parameters = {**toy_parameters(toy_model), "fallback.after": 0.3}
        with running_node(cameras, small_frame, parameters) as node:
            yield node


def message(cameras: Cameras) -> str:
    return str(cameras.diagnosis()[0].message)


def count(cameras: Cameras, key: str) -> int:
    return int(cameras.diagnosis()[1][key])


def visible(frame: Frame) -> Image:
    return write_image(frame.rgb, "rgb8", Header())


def infrared(frame: Frame) -> Image:
    return write_image(frame.ir, "mono8", Header())


def until(cameras: Cameras, send: Callable[[], object], condition: Callable[[], bool]) -> bool:
    """Go on sending until a condition holds."""

    def step() -> bool:
        send()
        cameras.spin_until(lambda: False, 0.02)
        return condition()

    return cameras.spin_until(step)


def test_a_camera_that_hangs_is_told(cameras: Cameras, small_frame: Frame) -> None:
    """Infrared goes on with fresh stamps and one picture, which nothing else would tell."""
    hung = "/rgb/image_raw alone: the same picture over and over from /ir/image_raw"

    def send(moving: bool) -> None:
        stamp = cameras.next_stamp()
        rgb, ir = (pixels ^ np.uint8(stamp % 256) for pixels in (small_frame.rgb, small_frame.ir))
        cameras.send(small_frame._replace(rgb=rgb, ir=ir if moving else small_frame.ir), stamp)

    assert until(cameras, lambda: send(moving=False), lambda: hung in message(cameras))
    assert until(cameras, lambda: send(moving=True), lambda: hung not in message(cameras))


def test_cameras_whose_clocks_are_minutes_apart_are_counted_and_then_mended(
    cameras: Cameras, small_frame: Frame
) -> None:
    before = count(cameras, "rgb.unpaired")

    def send() -> None:
        stamp = cameras.next_stamp()
        cameras.publish(0, visible(small_frame), stamp)
        cameras.publish(1, infrared(small_frame), stamp + 180)

    assert until(cameras, send, lambda: count(cameras, "rgb.unpaired") > before)
    cameras.ask(small_frame, patience=0.5)


def test_time_jumps_back(cameras: Cameras, small_frame: Frame) -> None:
    cameras.ask(small_frame)
    for shift in (-500, 500):
        cameras.shift_time(shift)
        cameras.ask(small_frame, patience=0.5)


def test_sizes_change_midway(cameras: Cameras, small_frame: Frame) -> None:
    other = small_frame._replace(
        rgb=np.ascontiguousarray(small_frame.rgb[:30, :40]), ir=np.ascontiguousarray(small_frame.ir[:20])
    )
    for frame in (small_frame, other, small_frame):
        for answer in cameras.ask(frame):
            assert (answer.height, answer.width) == frame.rgb.shape[:2]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ({"encoding": "hsv8"}, "encoding 'hsv8' is not supported"),
        ({"data": array.array("B", bytes(1000))}, "has 1000 bytes of data"),
        ({"height": 10_000, "width": 10_000, "step": 30_000, "data": array.array("B")}, "has 0 bytes"),
        ({"height": 0}, "the image is empty"),
    ],
)
def test_an_impossible_image_fails_alone_and_is_told(
    spoil: dict[str, object], told: str, cameras: Cameras, small_frame: Frame
) -> None:
    before = count(cameras, "pairs.failed")
    broken = visible(small_frame)
    for name, value in spoil.items():
        setattr(broken, name, value)
    stamp = cameras.next_stamp()
    reports = len(cameras.diagnostics)
    cameras.publish(0, broken, stamp)
    cameras.publish(1, infrared(small_frame), stamp)
    assert cameras.spin_until(lambda: count(cameras, "pairs.failed") == before + 1)
    messages = [report.status[0].message for report in cameras.diagnostics[reports:]]
    assert any(f"pairs failed: /rgb/image_raw: {told}" in one for one in messages)
    cameras.ask(small_frame)


def test_hundreds_of_corrupted_images_do_no_harm(
    cameras: Cameras, small_frame: Frame, rng: np.random.Generator
) -> None:
    before = count(cameras, "pairs.failed")
    encodings = ("rgb8", "mono16", "nv12", "bayer_rggb8", "yuv422", "", "\u00e9", "8UC3", "32FC1")
    for _ in range(300):
        stamp = cameras.next_stamp()
        broken = [visible(small_frame), infrared(small_frame)]
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
        cameras.spin_until(lambda: False, 0.005)
    cameras.ask(small_frame)
    assert count(cameras, "pairs.failed") > before


ENDS = tuple(asdict(StreamCounts()))


def test_every_frame_is_in_exactly_one_count(cameras: Cameras, small_frame: Frame) -> None:
    def ended() -> dict[str, int]:
        values = cameras.diagnosis()[1]
        return {camera: sum(int(values[f"{camera}.{end}"]) for end in ENDS) for camera in ("rgb", "ir")}

    def settled() -> bool:
        return ended() == ended()

    cameras.ask(small_frame)
    assert cameras.spin_until(settled)
    before = ended()
    for _ in range(10):
        cameras.ask(small_frame, patience=PATIENCE)
    assert cameras.spin_until(lambda: ended() == {camera: count + 10 for camera, count in before.items()})

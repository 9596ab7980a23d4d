"""The node as users see it: topics and lifecycle over real DDS."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters
from rclpy._rclpy_pybind11 import InvalidHandle
from sensor_msgs.msg import Image

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.draw import overlay
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.node.health import Level
from mtvif_ros.replay.node_process import NodeProcess, NodeProcessError
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.dds import Cameras, running_node


def test_a_pair_is_answered_on_both_topics_with_the_visible_header(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    with running_node(cameras, tmp_path):
        cameras.send(night_frame, 7)
        assert cameras.spin_until(lambda: bool(cameras.fused and cameras.masks))
    for answer, encoding in ((cameras.fused[0], "rgb8"), (cameras.masks[0], "mono8")):
        assert (answer.header.stamp.sec, answer.header.frame_id) == (7, "rgb8_camera")
        assert (answer.encoding, answer.height, answer.width) == (encoding, 480, 640)


def test_sixteen_bit_infrared_is_answered(cameras: Cameras, night_frame: Frame, tmp_path: Path) -> None:
    raw = (20_000 + 30 * night_frame.ir.astype(np.uint16)).astype(np.uint16)
    with running_node(cameras, tmp_path):
        cameras.send(night_frame._replace(ir=raw), 7)  # type: ignore[arg-type]
        assert cameras.spin_until(lambda: bool(cameras.fused))
    assert read_rgb(cameras.fused[0]).std() > 10


def test_an_unreadable_image_is_reported_and_the_next_pair_is_answered(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    with running_node(cameras, tmp_path) as process:
        cameras.send(night_frame, 7, encoding="hsv8")
        assert cameras.spin_until(lambda: "hsv8" in (tmp_path / "log").read_text())
        cameras.send(night_frame, 8)
        assert cameras.answered(8)
        log = process.stop()
    assert cameras.fused[0].header.stamp.sec == 8
    assert "failed 1" in log


def test_without_autostart_a_manager_leads_it_through_its_life(cameras: Cameras, tmp_path: Path) -> None:
    change = cameras.node.create_client(ChangeState, "fusion_node/change_state")
    get = cameras.node.create_client(GetState, "fusion_node/get_state")

    with NodeProcess({"autostart": "false"}, tmp_path / "log"):
        for transition, state in (
            (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
            (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
            (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_CLEANUP, State.PRIMARY_STATE_UNCONFIGURED),
            (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_INACTIVE_SHUTDOWN, State.PRIMARY_STATE_FINALIZED),
        ):
            answer = cameras.call(change, ChangeState.Request(transition=Transition(id=transition)))
            assert answer.success
            now = cameras.call(get, GetState.Request())
            assert now.current_state.id == state


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"model": "/nowhere.onnx"}, "/nowhere.onnx: no such file"),
        ({"backend": "abacus"}, "backend: 'abacus' is not one of auto, tensorrt, openvino, onnxruntime"),
        ({"sync.slop": "99.0"}, "sync.slop"),
    ],
)
def test_a_wrong_parameter_ends_the_start_and_is_named(
    parameters: dict[str, str], told: str, tmp_path: Path
) -> None:
    process = NodeProcess(parameters, tmp_path / "log")
    with pytest.raises(NodeProcessError, match="ended with code 1"):
        process.wait_until(lambda: False, 30)
    assert told in (tmp_path / "log").read_text()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_cleanly(name: str, tmp_path: Path) -> None:
    import signal

    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mtvif_ros.node.fusion_node"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ),
        )
    end = time.monotonic() + 30
    while "engine" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(getattr(signal, name))
    assert process.wait(5) == 0, log.read_text()
    assert "published 0" in log.read_text()


def test_frames_with_zero_stamps_are_paired_by_arrival(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    with running_node(cameras, tmp_path):
        for _ in range(5):
            cameras.fused.clear()
            cameras.send(night_frame, 0)
            assert cameras.spin_until(lambda: bool(cameras.fused))
    assert "rgb/image_raw: stamps are zero" in (tmp_path / "log").read_text()


def test_diagnostics_say_how_it_goes(cameras: Cameras, night_frame: Frame, tmp_path: Path) -> None:
    seen = cameras.diagnostics

    def levels() -> list[int]:
        return [message.status[0].level[0] for message in seen]

    with running_node(cameras, tmp_path):
        assert cameras.spin_until(lambda: Level.STALE in levels())
        assert "no frames from" in seen[0].status[0].message
        for stamp in range(1, 30):
            cameras.send(night_frame, stamp)
            assert cameras.answered(stamp)
            cameras.spin(0.1)
        assert Level.OK in levels()
    last = {pair.key: pair.value for pair in seen[-1].status[0].values}
    assert int(last["rgb/image_raw paired"]) >= 20
    assert float(last["latency from arrival, p50 (ms)"]) > 0


def test_the_overlay_is_drawn_once_someone_listens(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    overlays: list[Image] = []
    with running_node(cameras, tmp_path):
        cameras.send(night_frame, 1)
        assert cameras.spin_until(lambda: bool(cameras.fused))
        cameras.node.create_subscription(Image, "mtvif/overlay", overlays.append, 10)
        cameras.spin_until(lambda: cameras.node.count_subscribers("mtvif/overlay") > 0)
        cameras.spin(0.5)
        cameras.send(night_frame, 2)
        # A slow node may draw the first pair, too, whose fused image it has published: someone listens now.
        assert cameras.spin_until(lambda: any(drawn.header.stamp.sec == 2 for drawn in overlays))
    drawn = overlay(read_rgb(cameras.fused[-1]), read_grey(cameras.masks[-1]))
    assert np.array_equal(read_rgb(overlays[-1]), drawn)


def test_class_names_and_colours_can_be_asked_for(cameras: Cameras, tmp_path: Path) -> None:
    with running_node(cameras, tmp_path):
        client = cameras.node.create_client(GetParameters, "/fusion_node/get_parameters")
        answer = cameras.call(client, GetParameters.Request(names=["classes", "palette"]))
        refusal = cameras.set_parameter("classes", ["cat"])
    assert "belongs to the model file" in refusal
    names, colours = (value.string_array_value for value in answer.values)
    assert list(names) == list(CLASS_NAMES)
    assert colours[1] == "#4060ff"


def test_deactivation_destroys_every_timer(cameras: Cameras) -> None:
    node = FusionNode(context=cameras.context)
    try:
        node.trigger_configure()
        node.trigger_activate()
        timers = list(node.timers)
        assert len(timers) == 2
        node.trigger_deactivate()
        for timer in timers:
            with pytest.raises(InvalidHandle), timer.handle:
                pass
    finally:
        node.release()
        node.destroy_node()


def test_counts_agree_over_several_activations(cameras: Cameras, night_frame: Frame) -> None:
    node = FusionNode(context=cameras.context)
    cameras.executor.add_node(node)
    try:
        node.trigger_configure()
        for stamp in (10, 20):
            node.trigger_activate()
            assert cameras.spin_until(cameras.connected)
            cameras.spin(0.5)
            for number in range(3):
                cameras.send(night_frame, stamp + number)
                assert cameras.answered(stamp + number)
            _, _, values = cameras.diagnosis()
            node.trigger_deactivate()
        assert int(values["answered"]) == int(values["rgb/image_raw paired"]) == 6
    finally:
        cameras.executor.remove_node(node)
        node.release()
        node.destroy_node()

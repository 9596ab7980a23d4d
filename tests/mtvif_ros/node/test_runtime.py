"""A pair's way through the node, and what may change on the way."""

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import Header

from mtvif_ros.engines import Engine
from mtvif_ros.imaging.codec import read_grey, read_rgb, write_image
from mtvif_ros.node import runtime
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.node.health import Level
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import (
    PATIENCE,
    Cameras,
    NodeLog,
    local_node,
    running_node,
    toy_parameters,
)

Running = Callable[..., AbstractContextManager[FusionNode]]


@pytest.fixture
def without_collection() -> Iterator[None]:
    """Keep the collector from releasing what reference cycles hold."""
    gc.disable()
    yield
    gc.enable()


def test_both_answers_carry_the_visible_header_and_size(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    with running():
        fused, mask = cameras.ask(small_frame)
    assert fused.header == mask.header
    assert fused.header.frame_id == "rgb8_camera"
    for answer, encoding in ((fused, "rgb8"), (mask, "mono8")):
        assert (answer.encoding, answer.height, answer.width) == (encoding, *small_frame.ir.shape)


def test_the_answers_are_what_the_model_gives(cameras: Cameras, small_frame: Frame, running: Running) -> None:
    with running():
        fused, mask = cameras.ask(small_frame)
    assert np.array_equal(read_rgb(fused), np.maximum(small_frame.rgb, small_frame.ir[..., None]))
    assert np.array_equal(read_grey(mask), small_frame.ir > 128)


def test_the_shipped_model_runs(cameras: Cameras, night_frame: Frame, model_path: Path) -> None:
    with running_node(cameras, night_frame, {"model": model_path, "backend": "onnxruntime"}):
        fused, mask = cameras.ask(night_frame)
    assert read_rgb(fused).shape == night_frame.rgb.shape
    assert len(np.unique(read_grey(mask))) > 1


def test_sixteen_bit_infrared_is_scaled(cameras: Cameras, small_frame: Frame, running: Running) -> None:
    raw = (20_000 + 30 * small_frame.ir.astype(np.uint16)).astype(np.uint16)
    with running():
        fused, _ = cameras.ask(small_frame._replace(ir=raw))  # type: ignore[arg-type]
    assert read_rgb(fused).std() > 10


def test_an_engine_that_raises_costs_one_pair(
    cameras: Cameras, small_frame: Frame, running: Running, node_log: NodeLog
) -> None:
    white, sent = small_frame._replace(rgb=np.full_like(small_frame.rgb, 255)), 0
    with running({"fallback.mode": "none"}):
        while "pair dropped" not in node_log() and sent < PATIENCE:  # the network may lose a frame
            cameras.send(white, cameras.next_stamp())
            cameras.spin_until(lambda: "pair dropped" in node_log(), 1.0)
            sent += 1
        cameras.ask(small_frame)
        assert 1 <= int(cameras.diagnosis()[1]["pairs.failed"]) <= sent


def test_live_parameters_change_the_next_answer(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    with running():
        before, _ = cameras.ask(small_frame)
        assert cameras.set_parameter("thermal.invert", True) == ""
        after, _ = cameras.ask(small_frame)
    assert np.array_equal(read_rgb(before), np.maximum(small_frame.rgb, small_frame.ir[..., None]))
    assert np.array_equal(read_rgb(after), np.maximum(small_frame.rgb, 255 - small_frame.ir[..., None]))


def test_a_change_that_does_not_touch_the_scaler_keeps_the_range_that_it_follows(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    half = np.tile(np.arange(80, dtype=np.uint16), (60, 1)) * 100  # warm on the right
    raw = small_frame._replace(ir=(20_000 + half).astype(np.uint16))
    warmer = raw._replace(ir=(22_500 + half).astype(np.uint16))
    with running({"thermal.follow": 0.001}):
        cameras.ask(raw)
        assert cameras.set_parameter("overlay.opacity", 0.1) == ""
        _, mask = cameras.ask(warmer)
    assert read_grey(mask)[:, 20:].all()  # above the middle of the old range, but not of a new one


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("thermal.low", 99.9, "need 0 <= low < high"),
        ("sync.slop", 99.0, "sync.slop"),
        ("rate.maximum", 5e-324, "rate.maximum: 5e-324 is too low a rate"),
        ("backend", "onnxruntime", "clean up the node first"),
        ("registration.homography", [1.0, 2.0], "needs 9 finite numbers"),
        ("registration.file", "/nowhere.yaml", "/nowhere.yaml"),
    ],
)
def test_a_refused_change_says_why_and_changes_nothing(
    name: str, value: object, told: str, cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    with running() as node:
        before, _ = cameras.ask(small_frame)
        was = node.get_parameter(name).value
        assert told in cameras.set_parameter(name, value)
        after, _ = cameras.ask(small_frame)
        assert node.get_parameter(name).value == was
    assert before.data == after.data


def test_registration_brings_a_shifted_infrared_camera_back(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    shifted = small_frame._replace(ir=np.roll(small_frame.ir, 8, axis=1))
    seen = small_frame.ir.copy()
    seen[:, -8:] = 0  # what the shifted camera does not see stays black
    moved_back = [1.0, 0.0, -8.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    with running():
        assert cameras.set_parameter("registration.homography", moved_back) == ""
        fused, _ = cameras.ask(shifted)
    expected = np.maximum(small_frame.rgb, seen[..., None])
    assert np.abs(read_rgb(fused).astype(int) - expected).mean() < 0.5


def test_reports_follow_the_state(cameras: Cameras, small_frame: Frame, running: Running) -> None:
    def level() -> int:
        return int(cameras.diagnosis()[0].level[0])

    with running():
        assert cameras.spin_until(lambda: level() == Level.STALE)
        for _ in range(3):
            cameras.ask(small_frame)
        assert cameras.ask_until(small_frame, lambda: level() != Level.STALE)
        status, values = cameras.diagnosis()
    assert status.name == "/fusion_node: fusion"
    assert status.hardware_id.startswith("onnxruntime")
    assert int(values["rgb.paired"]) == int(values["ir.paired"]) >= 4
    assert float(values["latency_from_arrival.p50_ms"]) > 0


def test_counts_agree_over_several_activations(cameras: Cameras, small_frame: Frame, toy_model: Path) -> None:
    with local_node(cameras, toy_parameters(toy_model)) as node:
        node.trigger_configure()
        for _ in range(2):
            node.trigger_activate()
            for _ in range(3):
                cameras.ask(small_frame, patience=0.5)
            _, values = cameras.diagnosis()
            node.trigger_deactivate()
        answered, superseded = (int(values[f"pairs.{end}"]) for end in ("answered", "superseded"))
        assert answered + superseded == int(values["rgb.paired"]) >= 6
        assert f"published {answered}, superseded {superseded}, failed 0; " in node.release()


def test_cleanup_releases_the_engines_at_once(
    cameras: Cameras, small_frame: Frame, certain_model: Path, without_collection: None
) -> None:
    """On a GPU they hold its memory, which a new configure needs."""
    engines: list[weakref.ref[Engine]] = []
    with local_node(cameras, {**toy_parameters(certain_model), "confidence.minimum": 0.1}) as node:
        for _ in range(2):
            node.trigger_configure()
            node.trigger_activate()
            cameras.ask(small_frame, patience=0.5)
            assert node._runtime is not None
            sized = node._runtime._sized
            engines += map(weakref.ref, [sized.engine, *(made.result() for made in sized._made.values())])
            node.trigger_deactivate()
            node.trigger_cleanup()
            assert [engine() for engine in engines] == [None] * len(engines)
    assert len(engines) == 4


def test_the_first_report_after_a_reactivation_tells_nothing_older(
    cameras: Cameras,
    small_frame: Frame,
    running: Running,
    node_log: NodeLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def is_dropped() -> bool:
        cameras.send(small_frame, cameras.next_stamp(), encoding="hsv8")
        return cameras.spin_until(lambda: "pair dropped" in node_log(), 0.5)

    monkeypatch.setattr(runtime, "_REPORT_PERIOD", 3600.0)
    with running() as node:
        assert cameras.spin_until(is_dropped)
        node.trigger_deactivate()
        monkeypatch.setattr(runtime, "_REPORT_PERIOD", 0.1)
        node.trigger_activate()
        assert cameras.spin_until(lambda: cameras.diagnostics)
    (status,) = cameras.diagnostics[0].status
    assert "pairs failed" not in status.message
    assert int({pair.key: pair.value for pair in status.values}["pairs.failed"]) > 0


@pytest.mark.parametrize(
    "broken",
    [
        {"model": "/nowhere.onnx"},
        {"thermal.low": 99.9},
        {"confidence.minimum": 0.5},
        {"qos_overrides./mtvif/overlay.publisher.reliability": "sometimes"},
    ],
)
def test_a_failed_configure_leaves_nothing_behind(
    broken: dict[str, object], cameras: Cameras, toy_model: Path, node_log: NodeLog
) -> None:
    with local_node(cameras, {**toy_parameters(toy_model), **broken}) as node:
        publishers, timers = list(node.publishers), list(node.timers)
        assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
        assert (list(node.publishers), list(node.timers)) == (publishers, timers)
        assert node_log.tells("cannot configure: ", cameras)
        assert node.release() == "never configured"


def test_a_jump_of_the_thermal_range_is_told_and_seen_at_once(
    cameras: Cameras, small_frame: Frame, running: Running, node_log: NodeLog
) -> None:
    raw = 20_000 + 10 * small_frame.ir.astype(np.uint16)
    with running():
        before, _ = cameras.ask(small_frame._replace(ir=raw.astype(np.uint16)))
        after, _ = cameras.ask(small_frame._replace(ir=(raw + 9_000).astype(np.uint16)))
        assert node_log.tells("/ir/image_raw: left the thermal range at once", cameras)
    assert np.array_equal(read_rgb(before), read_rgb(after))


def test_a_fixed_range_beside_the_scene_is_told(
    cameras: Cameras, small_frame: Frame, running: Running, node_log: NodeLog
) -> None:
    raw = small_frame._replace(ir=np.full_like(small_frame.ir, 9_000, np.uint16))
    with running({"thermal.fixed_low": 100.0, "thermal.fixed_high": 200.0}):
        cameras.ask(raw)
        assert node_log.tells("lies outside the fixed range: change thermal.fixed_low", cameras)


def test_infrared_in_false_colours_is_a_state_and_in_the_log(
    cameras: Cameras, small_frame: Frame, running: Running, node_log: NodeLog
) -> None:
    hot = np.full_like(small_frame.rgb, (250, 60, 20))
    hot[:30] = (20, 60, 250)

    def send() -> bool:
        stamp = cameras.next_stamp()
        cameras.publish(0, write_image(small_frame.rgb, "rgb8", Header()), stamp)
        cameras.publish(1, write_image(hot, "rgb8", Header()), stamp)
        return "/ir/image_raw: infrared comes in colours" in cameras.diagnosis()[0].message

    with running():
        assert cameras.spin_until(send)
        assert node_log.tells("check that the two cameras are not swapped", cameras)
    assert node_log().count("infrared comes in colours") == 1

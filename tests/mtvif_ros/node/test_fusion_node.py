"""The node's life: how it starts, fails to start, and ends."""

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import onnx
import pytest
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy._rclpy_pybind11 import InvalidHandle
from rclpy.lifecycle import TransitionCallbackReturn

from mtvif_ros.node.fusion_node import FusionNode, main
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import PATIENCE, Cameras, NodeLog, local_node, node_process, toy_parameters

Running = Callable[..., AbstractContextManager[FusionNode]]


def change(cameras: Cameras, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(cameras.call(ChangeState, "fusion_node/change_state", request).success)


def test_a_manager_leads_it_through_its_life(cameras: Cameras, toy_model: Path) -> None:
    with local_node(cameras, {**toy_parameters(toy_model), "autostart": False}):
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
            assert change(cameras, transition)
            now = cameras.call(GetState, "fusion_node/get_state", GetState.Request())
            assert now.current_state.id == state


def test_without_autostart_the_process_waits_for_a_manager(
    cameras: Cameras, toy_model: Path, tmp_path: Path
) -> None:
    with node_process({**toy_parameters(toy_model), "autostart": False}, tmp_path / "log"):
        now = cameras.call(GetState, "fusion_node/get_state", GetState.Request())
    assert now.current_state.id == State.PRIMARY_STATE_UNCONFIGURED


def test_a_request_that_does_not_fit_the_state_is_refused_and_the_node_lives(
    cameras: Cameras, toy_model: Path, node_log: NodeLog
) -> None:
    """It rests on a private name of rclpy."""
    with local_node(cameras, toy_parameters(toy_model)) as node:
        assert not change(cameras, Transition.TRANSITION_ACTIVATE)
        assert node_log.tells("change_state: transition 3 does not fit the node's state", cameras)
        node.trigger_configure()
        node.trigger_activate()
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP, 77):
            assert not change(cameras, transition)
        now = cameras.call(GetState, "fusion_node/get_state", GetState.Request())
        assert now.current_state.id == State.PRIMARY_STATE_ACTIVE
        assert change(cameras, Transition.TRANSITION_DEACTIVATE)


def test_a_failed_configure_can_be_repeated_with_the_right_model(
    cameras: Cameras, toy_model: Path, node_log: NodeLog
) -> None:
    with local_node(cameras, {**toy_parameters(toy_model), "model": "/nowhere.onnx"}):
        assert not change(cameras, Transition.TRANSITION_CONFIGURE)
        assert node_log.tells("/nowhere.onnx: no such file", cameras)
        assert cameras.set_parameter("model", str(toy_model)) == ""
        assert change(cameras, Transition.TRANSITION_CONFIGURE)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("missing", "no such file"),
        ("truncated", "not a readable ONNX file"),
        ("wrong contract", "`classes`"),
        ("backend", "backend: 'abacus' is not one of auto, tensorrt, openvino, onnxruntime"),
    ],
)
def test_a_configure_that_fails_says_why(
    fault: str,
    told: str,
    cameras: Cameras,
    model_path: Path,
    toy_model: Path,
    tmp_path: Path,
    node_log: NodeLog,
) -> None:
    path = tmp_path / "model.onnx"
    if fault == "truncated":
        path.write_bytes(model_path.read_bytes()[:100_000])
    elif fault == "wrong contract":
        model = onnx.load(str(toy_model))
        del model.metadata_props[:]
        onnx.save(model, str(path))
    parameters = {"backend": "abacus"} if fault == "backend" else {"model": path}
    with local_node(cameras, {**toy_parameters(toy_model), **parameters}) as node:
        assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
        assert node_log.tells(told, cameras)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"model": "/nowhere.onnx"}, "cannot configure: model file /nowhere.onnx: no such file"),
        ({"sync.slop": 99.0}, "sync.slop"),
    ],
)
def test_a_wrong_parameter_ends_the_process_and_is_named(
    parameters: dict[str, object], told: str, tmp_path: Path
) -> None:
    with node_process(parameters, tmp_path / "log") as process:
        assert process.wait(PATIENCE) == 1
    log = (tmp_path / "log").read_text()
    assert told in log and "Traceback" not in log


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--params-file", "/nowhere.yaml"], "--params-file /nowhere.yaml"),
        (["-r", "__ns:=bad space"], "__ns:=bad space"),
        (["--parameter", "sync.slop:=0.1"], "--parameter"),
    ],
)
def test_what_ros_cannot_read_of_the_command_line_is_told_in_a_line(
    arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--ros-args", *arguments]) == 1
    *of_rcl, line = capfd.readouterr().err.splitlines()
    assert line.startswith("fusion_node: ROS refuses: ") and told in line
    assert all("[rcl]" in other for other in of_rcl)


def test_a_parameter_that_does_not_exist_is_told(
    cameras: Cameras, running: Running, node_log: NodeLog
) -> None:
    """ROS ignores it silently. Quality of service is declared later and does exist."""
    given = {"sync.slopp": 0.5, "qos_overrides./rgb/image_raw.subscription.depth": 3, "sync.slop": 0.05}
    with running(given):
        assert node_log.tells(
            "parameter sync.slopp does not exist and is ignored; did you mean sync.slop?", cameras
        )
    assert node_log().count("does not exist") == 1


def test_deactivation_destroys_every_timer(cameras: Cameras, toy_model: Path) -> None:
    with local_node(cameras, toy_parameters(toy_model)) as node:
        node.trigger_configure()
        node.trigger_activate()
        timers = list(node.timers)
        assert len(timers) == 3
        node.trigger_deactivate()
        for timer in timers:
            with pytest.raises(InvalidHandle), timer.handle:
                pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: int, cameras: Cameras, toy_model: Path, tmp_path: Path) -> None:
    with node_process(toy_parameters(toy_model), tmp_path / "log") as process:
        assert cameras.spin_until(lambda: cameras.diagnostics)  # it spins
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert "published 0" in (tmp_path / "log").read_text()


def test_an_interrupt_in_the_middle_of_inference_leaves_no_pair_without_an_end(
    cameras: Cameras, night_frame: Frame, tmp_path: Path
) -> None:
    """The quick end-to-end test: a process of its own, the shipped model, a camera's frames."""
    log = tmp_path / "log"
    with node_process({}, log) as process:
        cameras.ask(night_frame, patience=1.0)
        for _ in range(8):
            cameras.send(night_frame, cameras.next_stamp())
            cameras.executor.spin_once(timeout_sec=0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    pairs, rgb, _ = log.read_text().splitlines()[-1].removeprefix("fusion_node: ").split("; ")
    published, superseded, failed = (int(part.split()[1]) for part in pairs.split(", "))
    assert rgb.startswith(f"/rgb/image_raw: {published + superseded} paired, ")
    assert published >= 1 and failed == 0


def test_nodes_in_two_namespaces_do_not_hear_each_other(
    cameras: Cameras, small_frame: Frame, toy_model: Path, running: Running
) -> None:
    with local_node(cameras, toy_parameters(toy_model), namespace="/rear") as rear, running():
        rear.trigger_configure()
        rear.trigger_activate()
        cameras.ask(small_frame)
        assert "published 0" in rear.release()


@pytest.mark.long
def test_a_full_disk_for_the_engine_cache_costs_nothing_but_time(
    cameras: Cameras, night_frame: Frame, tiny_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", str(tiny_disk))
    with node_process({"backend": "openvino"}, tmp_path / "log") as process:
        cameras.ask(night_frame, patience=1.0)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    assert "No space left on device" in (tmp_path / "log").read_text()

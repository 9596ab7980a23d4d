"""Two cameras and a listener over real DDS, and nodes for them to speak to."""

import contextlib
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import SetParameters
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from mtvif_ros import topics
from mtvif_ros.imaging.codec import write_image
from mtvif_ros.node.dds import dds_environment
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.synthetic import Frame

PATIENCE = 60.0  # s, for what takes a fraction of one on an idle machine


class Cameras:
    """Publish pairs and keep what the node answers and reports."""

    def __init__(self, rgb: str = topics.RGB, ir: str = topics.IR, namespace: str = "/") -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node("cameras", context=self.context, namespace=namespace)
        self.executor = rclpy.executors.SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.publishers = [self.node.create_publisher(Image, topic, 10) for topic in (rgb, ir)]
        self.fused: list[Image] = []
        self.masks: list[Image] = []
        self.diagnostics: list[DiagnosticArray] = []
        for kind, topic, seen in (
            (Image, topics.FUSED, self.fused),
            (Image, topics.SEGMENTATION, self.masks),
            (DiagnosticArray, topics.DIAGNOSTICS, self.diagnostics),
        ):
            self.node.create_subscription(kind, topic, seen.append, 10)
        self._stamp = 1000
        self._clients: dict[str, Any] = {}

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()
        # Reference cycles keep a destroyed lifecycle node in its domain, where a later test would meet it.
        gc.collect()

    def spin_until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> bool:
        """Spin until a condition holds, and return whether it does."""
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)
        return bool(condition())

    def next_stamp(self) -> int:
        """Return a stamp in s that no frame has had."""
        self._stamp += 1
        return self._stamp

    def shift_time(self, seconds: int) -> None:
        """Let the stamps jump."""
        self._stamp += seconds

    def send(self, frame: Frame, stamp: int, encoding: str = "rgb8") -> None:
        """Publish both frames under a stamp in s."""
        kinds = (encoding, "mono16" if frame.ir.dtype == np.uint16 else "mono8")
        for camera, (pixels, kind) in enumerate(zip((frame.rgb, frame.ir), kinds)):
            self.publish(camera, write_image(pixels, kind, Header(frame_id=f"{kind}_camera")), stamp)

    def publish(self, camera: int, message: Image, stamp: int) -> None:
        """Publish any message from camera 0 (visible) or 1 under a stamp in s."""
        message.header.stamp.sec = stamp
        self.publishers[camera].publish(message)

    def ask(self, frame: Frame, patience: float = 5.0) -> tuple[Image, Image]:
        """Send a pair and return its fused image and mask; cameras go on, so send again when none comes."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            stamp = self.next_stamp()
            self.send(frame, stamp)
            if self.spin_until(partial(self._has, stamp), patience):
                return self._of(self.fused, stamp)[0], self._of(self.masks, stamp)[0]
        raise AssertionError(f"no answer in {PATIENCE} s")

    def ask_until(self, frame: Frame, condition: Callable[[], Any]) -> bool:
        """Send pairs, one at a time, until a condition holds; return whether it does."""
        end = time.monotonic() + PATIENCE
        while not condition() and time.monotonic() < end:
            self.ask(frame)
        return bool(condition())

    def _has(self, stamp: int) -> bool:
        return bool(self._of(self.fused, stamp) and self._of(self.masks, stamp))

    @staticmethod
    def _of(messages: list[Image], stamp: int) -> list[Image]:
        return [message for message in messages if message.header.stamp.sec == stamp]

    def diagnosis(self) -> tuple[DiagnosticStatus, dict[str, str]]:
        """Return the status and the values of a report made from now on."""
        count = len(self.diagnostics)
        # The next one may be under way already.
        assert self.spin_until(lambda: len(self.diagnostics) > count + 1)
        status = self.diagnostics[-1].status[0]
        return status, {pair.key: pair.value for pair in status.values}

    def call(self, kind: Any, service: str, request: object) -> Any:
        """Call a service of the node and return its answer."""
        if service not in self._clients:
            self._clients[service] = client = self.node.create_client(kind, service)
            assert client.wait_for_service(timeout_sec=PATIENCE)
            self._be_known()
        return self._wait(self._clients[service].call_async(request), PATIENCE)

    def _be_known(self) -> None:
        """Wait until the node has discovered every client so far; until then it may answer into the void.

        Discovery keeps the order of creation, so that the newest client is known last.
        """
        newest = self.node.create_client(GetState, "fusion_node/get_state")
        assert newest.wait_for_service(timeout_sec=PATIENCE)
        assert any(self._wait(newest.call_async(GetState.Request()), 1.0) for _ in range(int(PATIENCE)))
        self.node.destroy_client(newest)

    def _wait(self, answer: Any, seconds: float) -> Any:
        self.spin_until(answer.done, seconds)
        return answer.result() if answer.done() else None

    def set_parameter(self, name: str, value: object) -> str:
        """Set a parameter of the node and return why it was refused, empty when it was not."""
        change = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[change])
        result = self.call(SetParameters, "fusion_node/set_parameters", request).results[0]
        return "" if result.successful else result.reason


class NodeLog:
    """Read what nodes in this process have logged."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured
        self._text = ""

    def __call__(self) -> str:
        self._text += self._captured.readouterr().err
        return self._text

    def tells(self, words: str, cameras: Cameras) -> bool:
        """Spin the cameras until the words are there."""
        return cameras.spin_until(lambda: words in self())


def toy_parameters(model: Path) -> dict[str, object]:
    """What runs the toy model."""
    return {"model": model, "backend": "onnxruntime", "threads": 1}


def ros_arguments(
    parameters: Mapping[str, object], rules: Sequence[str] = (), namespace: str = "/"
) -> list[str]:
    """The command line of a node; each rule remaps a name as FROM:=TO."""
    arguments = ["--ros-args"]
    for name, value in parameters.items():
        arguments += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
    for rule in (f"__ns:={namespace}", *rules):
        arguments += ["-r", rule]
    return arguments


@contextlib.contextmanager
def local_node(
    cameras: Cameras, parameters: Mapping[str, object], rules: Sequence[str] = (), namespace: str = "/"
) -> Iterator[FusionNode]:
    """An unconfigured node in this process, spun with the cameras."""
    node = FusionNode(context=cameras.context, cli_args=ros_arguments(parameters, rules, namespace))
    cameras.executor.add_node(node)
    try:
        yield node
    finally:
        cameras.executor.remove_node(node)
        node.release()
        node.destroy_node()


@contextlib.contextmanager
def running_node(
    cameras: Cameras,
    frame: Frame,
    defaults: Mapping[str, object],
    parameters: Mapping[str, object] | None = None,
    rules: Sequence[str] = (),
    namespace: str = "/",
) -> Iterator[FusionNode]:
    """A node in this process that has answered its first pair."""
    with local_node(cameras, {**defaults, **(parameters or {})}, rules, namespace) as node:
        for step in (node.trigger_configure, node.trigger_activate):
            assert step() == TransitionCallbackReturn.SUCCESS
        cameras.ask(frame, patience=0.5)
        cameras.fused.clear()
        cameras.masks.clear()
        yield node


@contextlib.contextmanager
def node_process(parameters: Mapping[str, object], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A node in a process of its own, killed at the end if it still runs."""
    command = [sys.executable, "-m", "mtvif_ros.node.fusion_node", *ros_arguments(parameters)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **dds_environment()}
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()

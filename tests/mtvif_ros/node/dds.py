"""Two cameras and a listener over real DDS."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from mtvif_ros.imaging.codec import write_image
from mtvif_ros.replay.node_process import NodeProcess
from mtvif_ros.synthetic import Frame


class Cameras:
    """Publish pairs and keep what the node answers."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node("cameras", context=self.context)
        self.executor = rclpy.executors.SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.publishers = [
            self.node.create_publisher(Image, topic, 10) for topic in ("rgb/image_raw", "ir/image_raw")
        ]
        self.fused: list[Image] = []
        self.masks: list[Image] = []
        self.node.create_subscription(Image, "mtvif/fused", self.fused.append, 10)
        self.node.create_subscription(Image, "mtvif/segmentation", self.masks.append, 10)
        self.diagnostics: list[DiagnosticArray] = []
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, 10)

    def connected(self) -> bool:
        self.spin(0.05)
        outputs = ("mtvif/fused", "mtvif/segmentation")
        return all(p.get_subscription_count() for p in self.publishers) and all(
            self.node.count_publishers(topic) for topic in outputs
        )

    def send(self, frame: Frame, stamp: int, encoding: str = "rgb8") -> None:
        kinds = (encoding, "mono16" if frame.ir.dtype == np.uint16 else "mono8")
        for publisher, pixels, kind in zip(self.publishers, (frame.rgb, frame.ir), kinds):
            header = Header(frame_id=f"{kind}_camera")
            header.stamp.sec = stamp
            publisher.publish(write_image(pixels, kind, header))

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

    def spin_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> bool:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.05)
        return condition()

    def call(self, client: Client, request: object) -> Any:
        """Call a service and return its answer."""
        assert client.wait_for_service(timeout_sec=20)
        self.spin(1.0)  # an answer is lost when the server has not discovered this client yet
        answer = client.call_async(request)
        assert self.spin_until(answer.done, 30)
        return answer.result()

    def set_parameter(self, name: str, value: object) -> str:
        """Set a parameter of the node and return why it was refused, empty when it was not."""
        client = self.node.create_client(SetParameters, "fusion_node/set_parameters")
        change = Parameter(name, value=value).to_parameter_msg()
        result = self.call(client, SetParameters.Request(parameters=[change])).results[0]
        return "" if result.successful else result.reason

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def publish(self, camera: int, message: Image, stamp: int) -> None:
        """Send any message from camera 0 (visible) or 1 under a stamp in s."""
        message.header.stamp.sec = stamp
        self.publishers[camera].publish(message)

    def answered(self, stamp: int, seconds: float = 10.0) -> bool:
        """Wait for both outputs of a stamp in s."""

        def is_there() -> bool:
            return all(
                any(message.header.stamp.sec == stamp for message in seen)
                for seen in (self.fused, self.masks)
            )

        return self.spin_until(is_there, seconds)

    def diagnosis(self) -> tuple[int, str, dict[str, str]]:
        """Return level, message and values of the next diagnostics."""
        count = len(self.diagnostics)
        assert self.spin_until(lambda: len(self.diagnostics) > count)
        status = self.diagnostics[-1].status[0]
        return status.level[0], status.message, {pair.key: pair.value for pair in status.values}


@contextlib.contextmanager
def running_node(
    cameras: Cameras, folder: Path, parameters: dict[str, str] | None = None
) -> Iterator[NodeProcess]:
    """A node that hears the cameras; its log is folder/log."""
    with NodeProcess(parameters or {}, folder / "log") as process:
        process.wait_until(cameras.connected)
        cameras.spin(0.5)
        yield process

"""Receive the node's outputs, note when each came, and keep them on disk."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from mtvif_ros.bags.reader import stamp_of


class Arrival(NamedTuple):
    """Hold when an output came (monotonic, s) and where it lies in the spool file."""

    time: float
    offset: int
    size: int


class Collector:
    """Collect two output topics in a thread of its own; `arrivals[topic]` maps stamps to arrivals."""

    def __init__(self, node: Node, topics: tuple[str, ...], spool: Path):
        self._file = spool.open("w+b")
        self._path = spool
        self.arrivals: dict[str, dict[int, Arrival]] = {topic: {} for topic in topics}
        self.repeated = 0
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        for topic in topics:
            node.create_subscription(Image, topic, self._receiver(topic), QoSProfile(depth=30), raw=True)
        self._thread = threading.Thread(target=self._spin, name="collector", daemon=True)
        self._thread.start()

    def answered(self, topic: str) -> int:
        """Return how many different stamps have been answered on a topic."""
        return len(self.arrivals[topic])

    def read(self, topic: str, stamp: int) -> Image | None:
        """Return the output for a stamp, None when none came; call it after stop."""
        arrival = self.arrivals[topic].get(stamp)
        if arrival is None:
            return None
        self._file.seek(arrival.offset)
        message: Image = deserialize_message(self._file.read(arrival.size), Image)
        return message

    def stop(self) -> None:
        """Stop receiving; the outputs stay readable."""
        self._executor.shutdown()
        self._thread.join(5)

    def close(self) -> None:
        """Remove the spool file."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _receiver(self, topic: str) -> Any:
        arrivals = self.arrivals[topic]

        def receive(raw: bytes) -> None:
            now = time.monotonic()
            stamp = stamp_of(raw)
            if stamp in arrivals:
                self.repeated += 1
                return
            arrivals[stamp] = Arrival(now, self._file.tell(), len(raw))
            self._file.write(raw)

        return receive

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

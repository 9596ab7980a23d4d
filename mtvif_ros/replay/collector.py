"""Receive what the node sends, note when it came, and keep the images on disk."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from mtvif_ros.recordings.reader import stamp_of


class Arrival(NamedTuple):
    """Hold when an output came (monotonic, s) and where it lies in the spool file, if it was kept."""

    time: float
    offset: int
    size: int


class Diagnosis(NamedTuple):
    """Hold one report of the node: when it came (monotonic, s), its level, message, values and bytes."""

    time: float
    level: int
    message: str
    values: dict[str, str]
    raw: bytes


class Collector:
    """Collect image topics and the node's diagnostics in a thread of its own.

    `arrivals[topic]` maps stamps to arrivals. Only images whose stamp `keep` wants are kept on disk.
    """

    def __init__(
        self, node: Node, topics: tuple[str, ...], spool: Path, keep: Callable[[int], bool] = lambda _: True
    ):
        self._file = spool.open("w+b", buffering=0)  # so that a full disk is met at once
        self._path, self._keep = spool, keep
        self.arrivals: dict[str, dict[int, Arrival]] = {topic: {} for topic in topics}
        self.diagnoses: list[Diagnosis] = []
        self.repeated = 0
        self.failure = ""
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        for topic in topics:
            node.create_subscription(Image, topic, self._receiver(topic), QoSProfile(depth=30), raw=True)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnosed, 10, raw=True)
        self._thread = threading.Thread(target=self._spin, name="collector", daemon=True)
        self._thread.start()

    def answered(self, topic: str) -> int:
        """Return how many different stamps have been answered on a topic."""
        return len(self.arrivals[topic])

    def raw(self, arrival: Arrival) -> bytes:
        """Return the serialised message of an arrival that was kept; call it after stop."""
        self._file.seek(arrival.offset)
        return self._file.read(arrival.size)

    def read(self, topic: str, stamp: int) -> Image | None:
        """Return the output for a stamp, None when none came or it was not kept; call it after stop."""
        arrival = self.arrivals[topic].get(stamp)
        if arrival is None or arrival.size == 0:
            return None
        message: Image = deserialize_message(self.raw(arrival), Image)
        return message

    def stop(self) -> None:
        """Stop receiving; the outputs stay readable."""
        self._executor.shutdown()
        self._thread.join(5)

    def close(self) -> None:
        """Remove the spool file."""
        with contextlib.suppress(OSError):
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
            kept = not self.failure and self._keep(stamp)
            arrivals[stamp] = Arrival(now, self._file.tell() if kept else 0, len(raw) if kept else 0)
            if kept:
                try:
                    complete = self._file.write(raw) == len(raw)
                except OSError:
                    complete = False
                if not complete:
                    self.failure = (
                        f"{self._path}: no space left; outputs from here on were not kept or scored"
                    )
                    arrivals[stamp] = Arrival(now, 0, 0)

        return receive

    def _diagnosed(self, raw: bytes) -> None:
        now = time.monotonic()
        for status in deserialize_message(raw, DiagnosticArray).status:
            if status.name.endswith(": fusion"):
                values = {pair.key: pair.value for pair in status.values}
                self.diagnoses.append(Diagnosis(now, status.level[0], status.message, values, raw))

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

"""Receive what the node sends, note when it came, and keep the images on disk."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from mtvif_ros import topics
from mtvif_ros.node.dds import prepare_dds
from mtvif_ros.node.qos import LATCHED
from mtvif_ros.pairing.stamps import header_stamp
from mtvif_ros.recordings.reader import stamp_of

FUSED, SEGMENTATION, OVERLAY, CONFIDENCE, STATUS = (
    topics.absolute(name)
    for name in (topics.FUSED, topics.SEGMENTATION, topics.OVERLAY, topics.CONFIDENCE, topics.STATUS)
)
ANSWERS = (FUSED, SEGMENTATION)


class Arrival(NamedTuple):
    """Hold when an output came (monotonic, s) and where it lies in the spool file, if it was kept."""

    time: float
    offset: int
    size: int


class HealthReport(NamedTuple):
    """Hold one report of the node: when it came (monotonic, s), its level, message, values and bytes."""

    time: float
    level: int
    message: str
    values: dict[str, str]
    raw: bytes

    def number(self, key: str) -> float | None:
        """Return a value of the report, None where it has none under this key."""
        return float(self.values[key]) if key in self.values else None


@contextmanager
def ros_node(name: str) -> Iterator[Node]:
    """Initialise rclpy, yield a node, shut both down and restore the signal handler.

    SIGTERM raises KeyboardInterrupt, as Ctrl-C does: rclpy's own handlers would end the context, and with it
    what is still to come. Use it in the main thread.
    """
    prepare_dds()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    node = Node(name)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
        signal.signal(signal.SIGTERM, before)


class Collector:
    """Collect the node's images and health reports; a context manager that removes its spool file.

    `arrivals[topic]` maps stamps to arrivals; `confidence` maps them to the mean over the picture, 0..1, if
    `with_confidence` asks for it. `states` holds each change of the cameras that answers rest on: when
    (monotonic, s), and their names joined by +. Only images whose stamp `keep` wants go into `spool`. Raises
    OSError when that cannot be opened; when the disk is full later, `failure` says so.
    """

    def __init__(
        self,
        spool: Path,
        keep: Callable[[int], bool],
        with_overlay: bool = False,
        with_confidence: bool = False,
    ):
        self.arrivals: dict[str, dict[int, Arrival]] = {
            topic: {} for topic in ((*ANSWERS, OVERLAY) if with_overlay else ANSWERS)
        }
        self.confidence: dict[int, float] = {}
        self.states: list[tuple[float, str]] = []
        self.reports: list[HealthReport] = []
        self.repeated = 0
        self.failure = ""
        self._path, self._keep, self._with_confidence = spool, keep, with_confidence
        self._file = _opened_alone(spool)
        self._changed = threading.Condition()

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)

    @contextmanager
    def listening(self, node: Node) -> Iterator[None]:
        """Receive in a thread of its own, until the block ends."""
        for topic in self.arrivals:
            node.create_subscription(Image, topic, self._receiver(topic), QoSProfile(depth=30), raw=True)
        if self._with_confidence:
            node.create_subscription(Image, CONFIDENCE, self._certain, QoSProfile(depth=30))
        node.create_subscription(DiagnosticStatus, STATUS, self._rests_on, LATCHED)
        # Last: whoever has found this subscription has found those before it.
        node.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._diagnosed, 10, raw=True)
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        thread = threading.Thread(target=_spin, args=(executor,), name="collector", daemon=True)
        thread.start()
        try:
            yield
        finally:
            executor.shutdown()
            thread.join(5)

    def answered(self) -> int:
        """Return how many pairs have been answered on both topics, by their number."""
        return min(len(self.arrivals[topic]) for topic in ANSWERS)

    def kept(self) -> set[int]:
        """Return the visible stamps of the pairs whose outputs are kept."""
        return {stamp for stamp, arrival in self.arrivals[FUSED].items() if arrival.size}

    def await_report(self, timeout: float) -> bool:
        """Wait for the next health report; return False when none comes within `timeout` s."""
        count = len(self.reports)
        with self._changed:
            return self._changed.wait_for(lambda: len(self.reports) > count, timeout)

    def raw(self, arrival: Arrival) -> bytes:
        """Return the serialised message of an arrival that was kept."""
        self._file.seek(arrival.offset)
        return self._file.read(arrival.size)

    def read(self, topic: str, stamp: int) -> Image | None:
        """Return the output for a stamp, None when none came or it was not kept."""
        arrival = self.arrivals[topic].get(stamp)
        if arrival is None or arrival.size == 0:
            return None
        message: Image = deserialize_message(self.raw(arrival), Image)
        return message

    def _receiver(self, topic: str) -> Any:
        arrivals = self.arrivals[topic]

        def receive(raw: bytes) -> None:
            now, stamp = time.monotonic(), stamp_of(raw)
            if stamp in arrivals:
                self.repeated += 1
            else:
                arrivals[stamp] = self._spooled(now, raw) if self._keep(stamp) else Arrival(now, 0, 0)

        return receive

    def _spooled(self, now: float, raw: bytes) -> Arrival:
        """Write an output behind the others, as long as there is space."""
        if not self.failure:
            offset = self._file.tell()
            with contextlib.suppress(OSError):
                if self._file.write(raw) == len(raw):
                    return Arrival(now, offset, len(raw))
            self.failure = f"{self._path}: no space left; later outputs were neither kept nor scored"
        return Arrival(now, 0, 0)

    def _certain(self, message: Image) -> None:
        pixels = np.frombuffer(message.data, np.uint8)
        self.confidence[header_stamp(message)] = float(pixels.mean()) / 255

    def _rests_on(self, message: DiagnosticStatus) -> None:
        values = {pair.key: pair.value for pair in message.values}
        if values["rgb"] != "idle":
            self.states.append((time.monotonic(), values["rests_on"]))

    def _diagnosed(self, raw: bytes) -> None:
        now = time.monotonic()
        for status in deserialize_message(raw, DiagnosticArray).status:
            if status.name.endswith(": fusion"):
                values = {pair.key: pair.value for pair in status.values}
                with self._changed:
                    self.reports.append(HealthReport(now, status.level[0], status.message, values, raw))
                    self._changed.notify_all()


def _opened_alone(spool: Path) -> FileIO:
    spool.open("ab").close()
    file = FileIO(spool, "r+")  # without a buffer, so that a full disk is met at once
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise OSError(f"{spool.parent}: another replay writes there; choose another --out") from error
    except OSError:
        pass  # some network file systems have no locks
    file.truncate()
    return file


def _spin(executor: SingleThreadedExecutor) -> None:
    with contextlib.suppress(ExternalShutdownException):
        executor.spin()

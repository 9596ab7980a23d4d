"""Receive what the cameras send and give pairs of frames that belong together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mtvif_ros import topics
from mtvif_ros.node.fallback import Fallback
from mtvif_ros.node.health import Monitor
from mtvif_ros.node.parameters import Parameters, Sync
from mtvif_ros.node.sight import Sight
from mtvif_ros.pairing.history import History
from mtvif_ros.pairing.message_filters_policy import AnySynchronizer, MessageFiltersSynchronizer
from mtvif_ros.pairing.stamps import header_stamp, in_ns
from mtvif_ros.pairing.synchronizer import Pair, Stream, StreamCounts, Synchronizer

_SHORTEST = 0.005  # s between two looks at the frames that wait; more would keep an idle core busy


class Arrived(NamedTuple):
    """Hold an image message and, in ns, its stamp (the node's time if zero) and its monotonic arrival."""

    message: Image | CompressedImage
    stamp: int
    at: int


class Alone(NamedTuple):
    """Hold a frame that goes without a partner, because the other camera is silent."""

    stream: Stream
    frame: Arrived


Item: TypeAlias = Pair[Arrived] | Alone


class Camera(NamedTuple):
    """Hold what the node subscribes to: `name` is yet to be remapped by ROS, `topic` is the full result."""

    stream: Stream
    kind: type
    name: str
    topic: str

    @property
    def is_compressed(self) -> bool:
        """Whether the images come compressed."""
        return self.kind is CompressedImage


def cameras(node: Node, parameters: Parameters) -> dict[Stream, Camera]:
    """Return both cameras, in the transport that each one sends."""
    found = {}
    for stream, base, transport in (
        (Stream.RGB, topics.RGB, parameters.rgb.transport),
        (Stream.IR, topics.IR, parameters.ir.transport),
    ):
        kind, name = Image, base
        if transport == "compressed":
            kind, name = CompressedImage, topics.companion(node, base, topics.compressed)
        found[stream] = Camera(stream, kind, name, node.resolve_topic_name(name))
    return found


class Inputs:
    """Own the subscriptions, while they are open, and the synchronizer; give each pair to `give`.

    A frame goes alone when `fallback` says so.

    The QoS is that of sensor data; parameters `qos_overrides.TOPIC.subscription.…` change it.
    Raises ModuleNotFoundError for a pairing policy that is not installed.
    """

    def __init__(
        self,
        node: Node,
        cameras: Mapping[Stream, Camera],
        sync: Sync,
        monitor: Monitor,
        sight: Sight,
        fallback: Fallback,
        give: Callable[[Item], None],
    ):
        self._node = node
        self._cameras = cameras
        self._sync = sync
        self._history = History({stream: camera.topic for stream, camera in cameras.items()})
        self.clock = ArrivalClock(lambda: node.get_clock().now().nanoseconds)
        self._synchronizer = make_synchronizer(sync)
        self._monitor, self._sight, self._fallback = monitor, sight, fallback
        self._give = give
        self._subscriptions: list[Any] = []
        self._timers: list[Any] = []
        self.camera_info: CameraInfo | None = None

    def open(self) -> None:
        """Subscribe to both cameras and to the camera_info of the visible one."""
        self._sight.begin(time.monotonic_ns())
        for stream, camera in self._cameras.items():
            subscription = self._node.create_subscription(
                camera.kind,
                camera.name,
                partial(self._receive, stream),
                copy(qos_profile_sensor_data),  # rclpy writes the overrides of one topic into it
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
            self._subscriptions.append(subscription)
        info = topics.companion(self._node, topics.RGB, topics.camera_info)
        self._subscriptions.append(
            self._node.create_subscription(CameraInfo, info, self._keep, qos_profile_sensor_data)
        )
        # A frame waits in real time: with use_sim_time a paused bag would stop this timer too.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        period = max(self._sync.max_wait / 4, _SHORTEST)
        self._timers.append(self._node.create_timer(period, self._poll, clock=steady))

    def close(self) -> None:
        """Unsubscribe; frames that still wait for a partner end unpaired."""
        while self._timers:
            self._node.destroy_timer(self._timers.pop())
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())
        self._synchronizer.flush()

    @property
    def are_open(self) -> bool:
        """Whether the node listens to the cameras."""
        return bool(self._subscriptions)

    def set_slop(self, seconds: float) -> None:
        """Change the largest distance of a pair."""
        self._sync = replace(self._sync, slop=seconds)
        self._synchronizer.set_slop(in_ns(seconds))

    def counts(self) -> dict[Stream, StreamCounts]:
        """Return how the frames of both cameras have ended since configure."""
        return {stream: self._synchronizer.counts(stream) for stream in Stream}

    def why_unpaired(self) -> str:
        """Return what keeps frames from finding a partner, and which parameter helps."""
        sync = self._sync
        return self._history.explain(in_ns(sync.slop), in_ns(sync.max_wait), sync.queue_size, _offset(sync))

    def _receive(self, stream: Stream, message: Image | CompressedImage) -> None:
        now, stamp = time.monotonic_ns(), header_stamp(message)
        self._sight.received(stream, now)
        self._monitor.received(stream, stamped=stamp != 0)
        if stamp == 0:
            stamp = self.clock.stamp(stream)
            self._node.get_logger().warning(
                f"{self._cameras[stream].topic}: stamps are zero, so frames are paired by arrival; "
                "set header.stamp in the camera driver",
                throttle_duration_sec=10.0,
            )
        paired_by = now if self._sync.by == "arrival" else stamp
        self._history.see(stream, paired_by, now)
        self._pass_on(self._synchronizer.add(stream, paired_by, Arrived(message, stamp, now), now), now)

    def _poll(self) -> None:
        now = time.monotonic_ns()
        self._pass_on(self._synchronizer.poll(now), now)

    def _pass_on(self, pairs: Iterable[Pair[Arrived]], now: int) -> None:
        for pair in pairs:
            self._give(pair)
        for stream in Stream:
            if self._synchronizer.waiting(stream) and self._fallback.goes_alone(stream, now):
                for frame in self._synchronizer.release(stream):
                    self._give(Alone(stream, frame))

    def _keep(self, message: CameraInfo) -> None:
        self.camera_info = message


class ArrivalClock:
    """Stamp frames that have no stamp: with ROS's time where it runs, no two of a stream alike.

    `read` returns ROS's time in ns. Simulated time is zero until `/clock` comes, and stands still between two
    of its messages.
    """

    def __init__(self, read: Callable[[], int]):
        self._read = read
        self._last: dict[Stream, tuple[int, int]] = {}

    def now(self) -> int:
        """Return ROS's time or, as long as that is zero, the machine's."""
        return self._read() or time.time_ns()

    def stamp(self, stream: Stream) -> int:
        """Return a stamp for a frame that has just arrived."""
        now = self.now()
        read, stamp = self._last.get(stream, (0, 0))
        stamp = stamp + 1 if now == read else now
        self._last[stream] = now, stamp
        return stamp


def make_synchronizer(sync: Sync) -> AnySynchronizer[Any]:
    """Return what pairs the frames. Raises ModuleNotFoundError for a policy that is not installed."""
    slop, offset = in_ns(sync.slop), _offset(sync)
    if sync.policy == "nearest":
        return Synchronizer(slop, sync.queue_size, in_ns(sync.max_wait), offset)
    return MessageFiltersSynchronizer(sync.policy, slop, sync.queue_size, offset)


def _offset(sync: Sync) -> int:
    """Return in ns by how much infrared is later; the clocks do not change when it arrives."""
    return 0 if sync.by == "arrival" else in_ns(sync.offset)

"""Publish a recording over DDS, at its own pace or at the node's."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mtvif_ros import topics
from mtvif_ros.imaging.lenses import Lens
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.reader import Record, stamp_of
from mtvif_ros.replay.plan import LONGEST_GAP, Plan, StampPair

_READ_AHEAD = 60  # messages, so that a slow disk does not change the pace
_CAMERAS = (topics.RGB, topics.IR)


@dataclass
class Sent:
    """Hold what was published. `times` maps stamps to monotonic s by camera, visible first.

    A stamp that was sent twice keeps its first time and counts twice in `counts`. `moments` are the monotonic
    s of each frame and, in ns, when it was recorded.
    """

    times: tuple[dict[int, float], dict[int, float]] = field(default_factory=lambda: ({}, {}))
    counts: list[int] = field(default_factory=lambda: [0, 0])
    moments: list[tuple[float, int]] = field(default_factory=list)

    def complete(self, pair: StampPair) -> float:
        """Return when the later frame of a pair was published."""
        return max(of[stamp] for of, stamp in zip(self.times, pair))

    def holds(self, pair: StampPair) -> bool:
        """Say whether both frames of a pair were published."""
        return all(stamp in of for of, stamp in zip(self.times, pair))

    def recorded(self, time: float) -> int:
        """Return the time of recording, in ns, of the last frame published by the monotonic `time`, in s."""
        return self.moments[max(0, bisect_right(self.moments, (time, math.inf)) - 1)][1]

    def note(self, camera: int, stamp: int, recorded: int) -> None:
        """Note that a frame is published now, whose stamp and time of recording are in ns."""
        now = time.monotonic()
        self.times[camera].setdefault(stamp, now)
        self.counts[camera] += 1
        self.moments.append((now, recorded))


class Player:
    """Publish the frames of a plan: under the bag's topics for an external node, else under the node's own.

    With `clock` it publishes `/clock` too, and with `lenses`, visible first, a camera_info with each frame.
    """

    def __init__(
        self,
        node: Node,
        plan: Plan,
        external: bool,
        clock: bool,
        lenses: tuple[Lens, Lens] | None = None,
    ):
        self._plan = plan
        self._publishers = []
        self._infos = []
        for name, recorded, compressed in zip(_CAMERAS, plan.cameras, plan.compressed):
            own = topics.absolute(topics.compressed(name) if compressed else name)
            kind = CompressedImage if compressed else Image
            topic = recorded if external else own
            self._publishers.append(node.create_publisher(kind, topic, QoSProfile(depth=10)))
            if lenses is not None:
                info = topics.camera_info(topic.removesuffix(topics.compressed("")))
                self._infos.append(node.create_publisher(CameraInfo, info, QoSProfile(depth=10)))
        self._lenses = [lens_info(lens) for lens in lenses or ()]
        self._clock = _clock_publisher(node) if clock else None

    @property
    def topics(self) -> list[str]:
        """The topics on which the frames go out."""
        return [publisher.topic_name for publisher in self._publishers]

    def introduce(self) -> None:
        """Publish the camera_info of both lenses, if there are any, ahead of the frames."""
        for info, publisher in zip(self._lenses, self._infos):
            publisher.publish(info)

    def is_heard(self) -> bool:
        """Say whether somebody subscribes to both cameras."""
        return all(publisher.get_subscription_count() for publisher in self._publishers)

    def play(
        self, sent: Sent, rate: float, flow: FlowControl | None, done: Callable[[], object] = lambda: None
    ) -> None:
        """Publish all passes and note every frame in `sent`; call `done` after each.

        With `flow` the recorded times do not count, and it says when the next frame may go out.
        """

        def publish(record: Record) -> None:
            camera, stamp = self._plan.cameras.index(record.topic), stamp_of(record.raw)
            if self._clock is not None:
                self._clock(record.received)
            if self._infos:
                info = self._lenses[camera]
                info.header.stamp.sec, info.header.stamp.nanosec = divmod(stamp, NANOSECONDS)
                self._infos[camera].publish(info)
            sent.note(camera, stamp, record.received)
            self._publishers[camera].publish(record.raw)
            if flow is not None:
                flow.released(camera, stamp)
            done()

        play(self._plan.records(), publish, rate, flow.may_go_on if flow is not None else None)


def lens_info(lens: Lens) -> CameraInfo:
    """Return the camera_info of a lens; a topic of rectified images gets the same."""
    matrix = [float(value) for value in lens.matrix]
    projection = [value for row in range(3) for value in (*matrix[3 * row : 3 * row + 3], 0.0)]
    return CameraInfo(
        width=lens.size[0],
        height=lens.size[1],
        distortion_model=lens.model,
        d=[float(value) for value in lens.coefficients],
        k=matrix,
        p=projection,
    )


def _clock_publisher(node: Node) -> Callable[[int], None]:
    """Return a function that publishes a time in ns on `/clock`."""
    from rosgraph_msgs.msg import Clock

    publisher: Any = node.create_publisher(Clock, topics.CLOCK, 10)

    def publish(nanoseconds: int) -> None:
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(nanoseconds, NANOSECONDS)
        publisher.publish(message)

    return publish


def play(
    records: Iterator[Record],
    publish: Callable[[Record], None],
    rate: float = 1.0,
    may_go_on: Callable[[], bool] | None = None,
) -> None:
    """Publish every record when its time has come, `rate` times as fast as it was received.

    A gap beyond LONGEST_GAP is cut to this; time that goes back causes no wait. With `may_go_on` the recorded
    times do not count: the next record goes out as soon as that returns true. Another thread publishes while
    the caller's reads ahead, because SQLite's files belong to the thread that opened them. Raises what
    `publish` raises.
    """
    waiting: queue.Queue[Record | None] = queue.Queue(_READ_AHEAD)
    stopped = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            _keep_pace(iter(waiting.get, None), publish, rate, may_go_on, stopped)
        except BaseException as error:
            failures.append(error)
            stopped.set()

    player = threading.Thread(target=work, name="player", daemon=True)
    player.start()
    try:
        for record in chain(records, (None,)):
            while not stopped.is_set():
                try:
                    waiting.put(record, timeout=0.1)
                    break
                except queue.Full:
                    continue
        player.join()
    finally:
        stopped.set()
        with contextlib.suppress(queue.Full):
            waiting.put_nowait(None)  # it may wait for a record
        player.join()  # after Ctrl-C nothing more goes out
    if failures:
        raise failures[0]


def _keep_pace(
    records: Iterator[Record],
    publish: Callable[[Record], None],
    rate: float,
    may_go_on: Callable[[], bool] | None,
    stopped: threading.Event,
) -> None:
    first = next(records, None)
    if first is None:
        return
    due, before = time.monotonic(), first.received
    for record in chain((first,), records):
        if may_go_on is None:
            due += min(max(0, record.received - before), LONGEST_GAP) / NANOSECONDS / rate
            before = record.received
            stopped.wait(max(0.0, due - time.monotonic()))
        else:
            while not may_go_on() and not stopped.wait(0.001):
                pass
        if stopped.is_set():
            return
        publish(record)


class FlowControl:
    """Say when the next frame may go out: while fewer than `ahead` pairs wait for their answers.

    `pairs` are the stamps of both cameras' frames that belong together; `ended` returns how many pairs the
    node has answered or given up. A pair whose first frame went out is never held up: the node waits for
    its partner, but not for long. Pairs on which nothing is heard for `patience` s are given up, all of
    them at once: the node may never have seen them, and nothing else would ever go out. Each time without
    an answer halves the patience until one comes, so that a silent node is not waited for without end.
    """

    def __init__(
        self,
        pairs: Sequence[StampPair],
        ended: Callable[[], int],
        ahead: int = 2,
        patience: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._pair_of = [{stamps[camera]: stamps for stamps in pairs} for camera in (0, 1)]
        self._ended, self._ahead, self._patience, self._clock = ended, ahead, patience, clock
        self._left = patience
        self._begun: dict[StampPair, int] = {}
        self._waiting = 0
        self._seen = ended()
        self._since = clock()

    def released(self, camera: int, stamp: int) -> None:
        """Note that a frame of a camera, 0 visible or 1 infrared, went out."""
        pair = self._pair_of[camera].get(stamp)
        # A partner that its camera has gone past does not come any more.
        self._begun = {
            begun: first for begun, first in self._begun.items() if first == camera or begun[camera] >= stamp
        }
        if pair is None:
            return
        if self._begun.setdefault(pair, camera) != camera:
            del self._begun[pair]
            self._waiting += 1

    def may_go_on(self) -> bool:
        """Say whether the next frame may go out now."""
        ended = self._ended()
        if ended != self._seen:
            self._waiting = max(0, self._waiting - (ended - self._seen))
            self._seen, self._since, self._left = ended, self._clock(), self._patience
        if self._waiting >= self._ahead and self._clock() - self._since > self._left:
            self._waiting, self._since, self._left = 0, self._clock(), self._left / 2
        return bool(self._begun) or self._waiting < self._ahead

"""Play a recording to a node and keep everything that comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from tqdm import tqdm

from mtvif_ros.node.dds import prepare_dds
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.reader import Record, stamp_of
from mtvif_ros.recordings.writer import IR_TOPIC, RGB_TOPIC
from mtvif_ros.replay.collector import Collector
from mtvif_ros.replay.flow_control import FlowControl
from mtvif_ros.replay.node_process import NodeProcess, NodeProcessError
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.passes import Passes
from mtvif_ros.replay.player import play

FUSED, SEGMENTATION, OVERLAY = "/mtvif/fused", "/mtvif/segmentation", "/mtvif/overlay"
OUTPUT_TOPICS = (FUSED, SEGMENTATION)
_QUIET = 3.0  # s without any output after the last input: then no more will come
_REPORT_WITHIN = 2.0  # s, by which the node has sent its diagnostics
_FOUND_WITHIN = 30.0  # s, for an external node


@dataclass
class Session:
    """Hold what was published and received, all times monotonic in s.

    `published` maps stamps to times by camera, visible first; a stamp that came twice keeps its first time
    and counts in `sent`. `counted_before` is what an external node had counted when the replay began.
    """

    published: tuple[dict[int, float], dict[int, float]] = field(default_factory=lambda: ({}, {}))
    sent: list[int] = field(default_factory=lambda: [0, 0])
    wall_minus_monotonic: float = 0.0
    node_log: str = ""
    counted_before: dict[str, str] = field(default_factory=dict)


@contextmanager
def listening(options: ReplayOptions, wanted: set[int]) -> Iterator[tuple[Node, Collector]]:
    """Give a node and a collector that keeps the outputs of the stamps in `wanted`."""
    prepare_dds()
    rclpy.init()
    node = Node("mtvif_replay")
    topics = (*OUTPUT_TOPICS, OVERLAY) if options.record else OUTPUT_TOPICS
    collector = Collector(node, topics, options.out / "outputs.spool", wanted.__contains__)
    try:
        yield node, collector
    finally:
        collector.stop()
        collector.close()
        node.destroy_node()
        rclpy.try_shutdown()
        rclpy.uninstall_signal_handlers()  # they outlive their context, and SIGTERM would end nothing


def run_session(options: ReplayOptions, passes: Passes, node: Node, collector: Collector) -> Session:
    """Start the node, unless it is external, play all passes, and wait for the last answer.

    Raises NodeProcessError when the node does not come up.
    """
    session = Session(wall_minus_monotonic=time.time() - time.monotonic())
    publishers = _publishers(options, node)
    process = (
        nullcontext(None)
        if options.external
        else NodeProcess(options.node_parameters(), options.out / "node.log")
    )
    with process as own:

        def is_connected() -> bool:
            return all(p.get_subscription_count() for p in publishers.values()) and all(
                node.count_publishers(topic) for topic in OUTPUT_TOPICS
            )

        if own is None:
            _await_external(is_connected, publishers)
            _await_reports(collector, 1)
            session.counted_before = collector.diagnoses[-1].values if collector.diagnoses else {}
        else:
            own.wait_until(is_connected)
        time.sleep(0.5)  # discovery is known on this side; let the node's side finish too
        _play(options, passes, publishers, collector, session, _clock(options, node))
        _await_answers(collector, len(passes.all_pairs()))
        _await_reports(collector, 2)  # by the second nothing of this replay is still on its way
        if own is not None:
            session.node_log = own.stop()
    return session


def _publishers(options: ReplayOptions, node: Node) -> dict[str, Any]:
    """Return publishers by the bag's topics; an external node hears the bag's names, our own its own."""
    own = (RGB_TOPIC, IR_TOPIC)
    publishers = {}
    for topic, name, compressed in zip(options.topics, own, options.compressed):
        target = topic if options.external else name + ("/compressed" if compressed else "")
        publishers[topic] = node.create_publisher(
            CompressedImage if compressed else Image, target, QoSProfile(depth=10)
        )
    return publishers


def _clock(options: ReplayOptions, node: Node) -> Any:
    if not options.clock:
        return None
    from rosgraph_msgs.msg import Clock

    return node.create_publisher(Clock, "/clock", 10)


def _await_external(is_connected: Any, publishers: dict[str, Any]) -> None:
    end = time.monotonic() + _FOUND_WITHIN
    while not is_connected():
        if time.monotonic() > end:
            listened = ", ".join(publisher.topic_name for publisher in publishers.values())
            raise NodeProcessError(
                f"--node external: no active node listens to {listened} and publishes "
                f"{' and '.join(OUTPUT_TOPICS)}; is it running in ROS_DOMAIN_ID of this shell?"
            )
        time.sleep(0.05)


def _play(
    options: ReplayOptions,
    passes: Passes,
    publishers: dict[str, Any],
    collector: Collector,
    session: Session,
    clock: Any,
) -> None:
    pairs = passes.all_pairs()
    count = sum(len(stamps) for stamps in passes.stamps) * passes.loops
    bar = tqdm(total=count, desc="replay", unit="frame")
    flow = FlowControl(pairs, lambda: min(collector.answered(topic) for topic in OUTPUT_TOPICS))

    def publish(record: Record) -> None:
        stamp = stamp_of(record.raw)
        camera = options.topics.index(record.topic)
        if clock is not None:
            clock.publish(_clock_message(record.received))
        session.published[camera].setdefault(stamp, time.monotonic())
        session.sent[camera] += 1
        publishers[record.topic].publish(record.raw)
        flow.released(camera, stamp)
        bar.update()

    with bar:
        play(passes.records(), publish, options.rate, flow.may_go_on if options.fast else None)


def _clock_message(nanoseconds: int) -> Any:
    from rosgraph_msgs.msg import Clock

    message = Clock()
    message.clock.sec, message.clock.nanosec = divmod(nanoseconds, NANOSECONDS)
    return message


def _await_answers(collector: Collector, wanted: int) -> None:
    seen, since = -1, time.monotonic()
    while True:
        answered = [collector.answered(topic) for topic in OUTPUT_TOPICS]
        if min(answered) >= wanted:
            return
        if sum(answered) != seen:
            seen, since = sum(answered), time.monotonic()
        elif time.monotonic() - since > _QUIET:
            return
        time.sleep(0.05)


def _await_reports(collector: Collector, count: int) -> None:
    """Wait for so many diagnostics, but not for long: an older node sends none."""
    end = time.monotonic() + count * _REPORT_WITHIN
    start = len(collector.diagnoses)
    while time.monotonic() < end and len(collector.diagnoses) < start + count:
        time.sleep(0.05)

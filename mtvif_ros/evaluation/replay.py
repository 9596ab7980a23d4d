"""Replay a recording through the node over DDS and report how it did.

mtvif_replay --bag BAG --out FOLDER
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image
from tqdm import tqdm

from mtvif_ros.bags.reader import BagError, BagReader, Record, stamp_of
from mtvif_ros.bags.writer import IR_TOPIC, RGB_TOPIC
from mtvif_ros.command_line import command_parser
from mtvif_ros.engines import BACKENDS, EngineError, shipped_model
from mtvif_ros.environment import prepare_dds
from mtvif_ros.evaluation.collector import Collector
from mtvif_ros.evaluation.node_process import NodeProcess, NodeProcessError
from mtvif_ros.evaluation.pairing import mutual_nearest
from mtvif_ros.evaluation.player import play
from mtvif_ros.evaluation.preview import Row, write_preview
from mtvif_ros.evaluation.summary import format_table, latencies, summarise_topic
from mtvif_ros.image_codec import read_grey, read_rgb
from mtvif_ros.model_file import read_model_file
from mtvif_ros.thermal import ThermalScaler

OUTPUT_TOPICS = ("/mtvif/fused", "/mtvif/segmentation")
_QUIET = 3.0  # s without any output after the last input: then no more will come
_DOMAINS = range(40, 100)


@dataclass(frozen=True)
class ReplayOptions:
    """Say what to replay and with which node; slop and offset in s."""

    bag: Path
    out: Path
    topics: tuple[str, str] = (RGB_TOPIC, IR_TOPIC)
    model: Path | None = None
    backend: str = "auto"
    slop: float = 0.02
    offset: float = 0.0
    preview: bool = True

    def model_path(self) -> Path:
        """Return the model file; without one given, the shipped file that the backend runs best."""
        return self.model or shipped_model(self.backend)

    def node_parameters(self) -> dict[str, object]:
        """Return the node's parameters by name."""
        return {
            "model": self.model_path().resolve(),
            "backend": self.backend,
            "sync.slop": self.slop,
            "sync.offset": self.offset,
        }


def replay(options: ReplayOptions) -> dict[str, Any]:
    """Replay a bag at its recorded pace; write summary.json and preview.mp4; return the summary.

    Raises BagError, FileNotFoundError, ModelFileError and NodeProcessError, each saying what to do.
    """
    model = read_model_file(options.model_path())
    stamps = _read_stamps(options)
    options.out.mkdir(parents=True, exist_ok=True)
    slop, offset = round(options.slop * 1e9), round(options.offset * 1e9)
    shifted = mutual_nearest(sorted(s + offset for s in stamps[0]), sorted(stamps[1]), slop)
    pairs = [(rgb - offset, ir) for rgb, ir in shifted]

    prepare_dds()
    rclpy.init()
    node = Node("mtvif_replay")
    collector = Collector(node, OUTPUT_TOPICS, options.out / "outputs.spool")
    try:
        with NodeProcess(options.node_parameters(), options.out / "node.log") as process:
            published = _run(node, process, collector, options, len(stamps[0]) + len(stamps[1]), pairs)
            node_log = process.stop()
        collector.stop()
        summary = _summarise(options, pairs, stamps, published, collector)
        summary["model"] = {
            "file": str(model.path),
            "version": model.version,
            "sha256": model.sha256,
        }
        summary["node"] = node_log
        (options.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        if options.preview and pairs:
            span = (pairs[-1][0] - pairs[0][0]) / 1e9
            rate = min(60.0, max(1.0, (len(pairs) - 1) / span)) if span > 0 else 1.0
            rows = _rows(options, pairs, collector)
            write_preview(options.out / "preview.mp4", rows, len(pairs), rate)
    finally:
        collector.stop()
        collector.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return summary


def _read_stamps(options: ReplayOptions) -> tuple[list[int], list[int]]:
    with BagReader(options.bag, options.topics) as reader:
        stamps: dict[str, list[int]] = {topic: [] for topic in options.topics}
        for record in reader.records():
            stamps[record.topic].append(stamp_of(record.raw))
    rgb, ir = (stamps[topic] for topic in options.topics)
    return rgb, ir


def _run(
    node: Node,
    process: NodeProcess,
    collector: Collector,
    options: ReplayOptions,
    count: int,
    pairs: Sequence[tuple[int, int]],
) -> dict[str, dict[int, float]]:
    """Play the bag and wait for the last answer; return when each stamp was published, by topic."""
    qos = QoSProfile(depth=10)
    inputs = dict(zip(options.topics, (RGB_TOPIC, IR_TOPIC)))
    publishers = {topic: node.create_publisher(Image, inputs[topic], qos) for topic in inputs}
    process.wait_until(
        lambda: (
            all(p.get_subscription_count() > 0 for p in publishers.values())
            and all(node.count_publishers(topic) > 0 for topic in OUTPUT_TOPICS)
        )
    )
    time.sleep(0.5)  # discovery is known on this side; let the node's side finish too
    published: dict[str, dict[int, float]] = {topic: {} for topic in options.topics}
    bar = tqdm(total=count, desc="replay", unit="frame")

    def note(topic: str, stamp: int, when: float) -> None:
        published[topic][stamp] = when
        bar.update()

    with bar, BagReader(options.bag, options.topics) as reader:
        play(reader.records(), publishers, note)
    _await_answers(collector, len(pairs))
    return published


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


def _summarise(
    options: ReplayOptions,
    pairs: Sequence[tuple[int, int]],
    stamps: tuple[list[int], list[int]],
    published: dict[str, dict[int, float]],
    collector: Collector,
) -> dict[str, Any]:
    sent = (published[options.topics[0]], published[options.topics[1]])
    expected = {rgb for rgb, _ in pairs}
    topics = {}
    for topic in OUTPUT_TOPICS:
        times = {stamp: arrival.time for stamp, arrival in collector.arrivals[topic].items()}
        topics[topic] = summarise_topic(len(pairs), latencies(pairs, sent, times))
        topics[topic]["unexpected"] = len(times.keys() - expected)
    return {
        "bag": str(options.bag),
        "frames": {"rgb": len(stamps[0]), "ir": len(stamps[1])},
        "pairs": len(pairs),
        "topics": topics,
        "repeated": collector.repeated,
    }


def _rows(options: ReplayOptions, pairs: Sequence[tuple[int, int]], collector: Collector) -> Iterator[Row]:
    """Yield the pictures of every pair that was answered on both topics, in order."""
    partner = dict(pairs)
    thermal = ThermalScaler()
    waiting: dict[str, dict[int, Record]] = {topic: {} for topic in options.topics}
    rgb_topic, ir_topic = options.topics
    todo = [rgb for rgb, _ in pairs]
    with BagReader(options.bag, options.topics) as reader:
        position = 0
        for record in reader.records():
            waiting[record.topic][stamp_of(record.raw)] = record
            while position < len(todo):
                rgb_stamp = todo[position]
                rgb = waiting[rgb_topic].get(rgb_stamp)
                ir = waiting[ir_topic].get(partner[rgb_stamp])
                if rgb is None or ir is None:
                    break
                position += 1
                for frames in waiting.values():  # what lies behind will not be needed again
                    for old in [s for s in frames if s <= rgb_stamp - 2_000_000_000]:
                        del frames[old]
                fused, mask = (collector.read(topic, rgb_stamp) for topic in OUTPUT_TOPICS)
                if fused is not None and mask is not None:
                    yield (
                        read_rgb(deserialize_message(rgb.raw, Image)),
                        thermal(read_grey(deserialize_message(ir.raw, Image))),
                        read_rgb(fused),
                        read_grey(mask),
                    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 with a message on unusable input, 2 when pairs were lost."""
    parser = command_parser("mtvif_replay", __doc__)
    parser.add_argument("--bag", type=Path, required=True, help="rosbag2: a folder, mcap or db3")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--rgb-topic", default=RGB_TOPIC, help="visible images in the bag")
    parser.add_argument("--ir-topic", default=IR_TOPIC, help="infrared images in the bag")
    parser.add_argument("--model", type=Path, help="model file; default: the shipped one")
    parser.add_argument("--backend", default="auto", choices=("auto", *BACKENDS))
    parser.add_argument("--slop", type=float, default=0.02, help="largest distance of a pair, s")
    parser.add_argument("--offset", type=float, default=0.0, help="infrared clock minus visible, s")
    parser.add_argument("--no-preview", action="store_true", help="do not write preview.mp4")
    arguments_given = parser.parse_args(arguments)
    # A replay must neither hear nor disturb a robot on the same network, nor another replay.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(_DOMAINS[os.getpid() % len(_DOMAINS)]))
    options = ReplayOptions(
        arguments_given.bag,
        arguments_given.out,
        (arguments_given.rgb_topic, arguments_given.ir_topic),
        arguments_given.model,
        arguments_given.backend,
        arguments_given.slop,
        arguments_given.offset,
        not arguments_given.no_preview,
    )
    try:
        summary = replay(options)
    except (BagError, EngineError, OSError, ValueError, NodeProcessError) as error:
        print(f"mtvif_replay: {error}", file=sys.stderr)
        return 1
    print(format_table(summary))
    print(f"summary: {options.out / 'summary.json'}")
    if options.preview:
        print(f"preview: {options.out / 'preview.mp4'}")
    return 2 if any(topic["lost"] for topic in summary["topics"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())

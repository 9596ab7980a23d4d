"""Recordings of a few bytes."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from mtvif_ros.recordings.reader import IMAGE, BagReader, Record, message_types, stamp_of

MS = 1_000_000
BEGIN = 1_700_000_000_000 * MS
RGB, IR, LABELS = "/rgb/image_raw", "/ir/image_raw", "/labels/image_raw"
ENCODINGS = {RGB: "rgb8", IR: "mono8", LABELS: "mono8"}


class Shot(NamedTuple):
    """Hold one image to record: its topic, time of arrival and stamp in ns, encoding and value."""

    topic: str
    received: int
    stamp: int
    encoding: str = ""
    value: int = 0


def drive(count: int = 10, topics: Sequence[str] = (RGB, IR), begin: int = BEGIN) -> list[Shot]:
    """Return `count` images of each topic, one in 100 ms, that arrive 1 ms after their stamp."""
    times = [begin + number * 100 * MS for number in range(count)]
    return [Shot(topic, time + MS, time, value=n % 256) for n, time in enumerate(times) for topic in topics]


DRIVE = drive()


def image(shot: Shot, size: tuple[int, int] = (6, 8)) -> Any:
    """Return the message of a shot."""
    types = message_types().types
    encoding = shot.encoding or ENCODINGS.get(shot.topic, "mono8")
    stamp = types["builtin_interfaces/msg/Time"](shot.stamp // 10**9, shot.stamp % 10**9)
    values = {"rgb8": 3, "bgr8": 3, "mono16": 2, "yuv422_yuy2": 2, "uyvy": 2}.get(encoding, 1) * size[1]
    data = np.full(size[0] * values, shot.value, np.uint8)
    if shot.topic != LABELS:
        data[len(data) // 2 :] ^= 64  # a picture of one brightness is none to the node
    header = types["std_msgs/msg/Header"](stamp, "camera")
    return types[IMAGE](header, *size, encoding, 0, values, data)


def serialised(shot: Shot, size: tuple[int, int] = (6, 8)) -> bytes:
    return bytes(message_types().serialize_cdr(image(shot, size), IMAGE))


def write(
    path: Path,
    shots: Iterable[Shot],
    storage: str = "mcap",
    compression: str = "",
    sizes: dict[str, tuple[int, int]] | None = None,
) -> Path:
    """Write shots, in this order, as a bag with metadata."""
    writer = Writer(path, version=8, storage_plugin=StoragePlugin[storage.upper()])
    if compression:
        writer.set_compression(CompressionMode[compression], CompressionFormat.ZSTD)
    with writer:
        topics: dict[str, Any] = {}
        for shot in shots:
            if shot.topic not in topics:
                topics[shot.topic] = writer.add_connection(shot.topic, IMAGE, typestore=message_types())
            size = (sizes or {}).get(shot.topic, (6, 8))
            writer.write(topics[shot.topic], shot.received, serialised(shot, size))
    return path


def write_messages(path: Path, messages: Iterable[tuple[str, str, Any]]) -> Path:
    """Write messages, each with its topic and type, as a bag; they arrive at the times of their stamps."""
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        topics: dict[str, Any] = {}
        for topic, kind, message in messages:
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=message_types())
            raw = message_types().serialize_cdr(message, kind)
            writer.write(topics[topic], max(1, stamp_of(raw)), raw)
    return path


def read(path: Path) -> tuple[list[Shot], str]:
    """Return what a reader finds, and the damage that it tells of."""
    with BagReader(path) as bag:
        found = [as_shot(record) for record in bag.records()]
    return found, bag.damage


def as_shot(record: Record) -> Shot:
    return Shot(record.topic, record.received, stamp_of(record.raw), value=record.message().data[0])


def in_order(shots: Iterable[Shot]) -> list[Shot]:
    return sorted(shots, key=lambda shot: (shot.received, shot.topic))


def data_file(bag: Path) -> Path:
    return next(file for kind in ("*.mcap", "*.db3") for file in bag.glob(kind))


def edit_metadata(bag: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    about = yaml.safe_load((bag / "metadata.yaml").read_text())
    change(about["rosbag2_bagfile_information"])
    (bag / "metadata.yaml").write_text(yaml.safe_dump(about))

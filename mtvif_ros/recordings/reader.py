"""Read images from a rosbag2, whole or damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader, ReaderError
from rosbags.typesys import Stores, get_typestore

from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.salvage import salvage_mcap

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_STORE = get_typestore(Stores.ROS2_JAZZY)


class BagError(ValueError):
    """Say which bag cannot be used and why."""


class Record(NamedTuple):
    """Hold one recorded message: topic, type, when it was received in ns, and its serialised bytes."""

    topic: str
    kind: str
    received: int
    raw: bytes

    def message(self) -> Any:
        """Return the message; read_rgb and read_grey take it as they take rclpy's."""
        return _STORE.deserialize_cdr(self.raw, self.kind)


def stamp_of(raw: bytes | memoryview) -> int:
    """Return the header stamp in ns of a serialised message that begins with a header.

    CDR puts four bytes of encapsulation first, whose second tells the byte order.
    """
    order: str = "little" if raw[1] & 1 else "big"
    seconds = int.from_bytes(raw[4:8], order, signed=True)  # type: ignore[arg-type]
    return seconds * NANOSECONDS + int.from_bytes(raw[8:12], order)  # type: ignore[arg-type]


class BagReader:
    """Read images, raw or compressed, in the order in which they were received.

    Use it as a context manager. `topics` limits it; without them it reads all images. A truncated or
    damaged bag gives what can be read, and `damage` then says what could not. Raises BagError when
    nothing can be opened, or when a topic is not there; it then lists those that are.
    """

    def __init__(self, path: Path, topics: tuple[str, ...] | None = None):
        self.damage = ""
        self._path, self._topics = path, topics
        if not path.exists():
            raise BagError(f"bag {path}: no such file or folder")
        self._reader: Reader | None = None

    def __enter__(self) -> BagReader:
        try:
            self._reader = Reader(self._path)
            self._reader.open()
            self.kinds = {c.topic: c.msgtype for c in self._reader.connections if _is_image(c.msgtype)}
        except (ReaderError, OSError, sqlite3.Error) as error:
            self._reader = None
            self.damage = f"{self._path}: {error}"
            self.kinds = {record.topic: record.kind for record in self._salvaged(None)}
            if not self.kinds:
                raise BagError(f"bag {self._path}: cannot be opened: {error}") from error
        missing = [topic for topic in self._topics or () if topic not in self.kinds]
        if missing:
            self.__exit__()
            raise BagError(
                f"bag {self._path}: has no images on {', '.join(missing)}; "
                f"it has images on: {', '.join(sorted(self.kinds)) or 'no topic'}"
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.close()

    def records(self) -> Iterator[Record]:
        """Yield all messages of the topics."""
        wanted = self._topics or tuple(self.kinds)
        if self._reader is None:
            yield from self._salvaged(wanted)
            return
        connections = [c for c in self._reader.connections if _is_image(c.msgtype) and c.topic in wanted]
        if not connections:
            return
        try:
            for connection, received, raw in self._reader.messages(connections):
                yield _record(connection, received, raw)
        # What a damaged chunk raises depends on where it is damaged and how it was compressed.
        except Exception as error:
            self.damage = f"{self._path}: reading ended early: {error!r}"

    def _salvaged(self, wanted: tuple[str, ...] | None) -> Iterator[Record]:
        files = sorted(self._path.glob("*.mcap")) if self._path.is_dir() else [self._path]
        for file in files:
            for topic, kind, received, raw in salvage_mcap(file):
                if _is_image(kind) and (wanted is None or topic in wanted):
                    yield Record(topic, kind, received, raw)


def _record(connection: Connection, received: int, raw: bytes | memoryview) -> Record:
    return Record(connection.topic, connection.msgtype, received, bytes(raw))


def _is_image(kind: str) -> bool:
    return kind in (IMAGE, COMPRESSED)

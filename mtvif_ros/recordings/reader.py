"""Read the images of a rosbag2, intact or damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.salvage import salvage_mcap

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Reader
    from rosbags.typesys.store import Typestore

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


class BagError(ValueError):
    """Say which bag cannot be used and why."""


@lru_cache(maxsize=1)
def message_types() -> Typestore:
    """Return the message types of ROS 2 Jazzy; image messages are the same from Humble to Kilted."""
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_JAZZY)


class Record(NamedTuple):
    """Hold one recorded message: its topic, type, time of arrival in ns and serialised bytes."""

    topic: str
    kind: str
    received: int
    raw: bytes

    def message(self) -> Any:
        """Return the message; read_rgb and read_grey take it like one of rclpy's."""
        return message_types().deserialize_cdr(self.raw, self.kind)


def stamp_of(raw: bytes | memoryview) -> int:
    """Return the stamp in ns of a serialised message that begins with a header.

    CDR begins with four bytes of encapsulation; the second one gives the byte order.
    """
    order: str = "little" if raw[1] & 1 else "big"
    seconds = int.from_bytes(raw[4:8], order, signed=True)  # type: ignore[arg-type]
    return seconds * NANOSECONDS + int.from_bytes(raw[8:12], order)  # type: ignore[arg-type]


class BagReader:
    """Read raw and compressed images in the order of their arrival.

    Use it as a context manager; `records` may be called many times, by one thread and one at a time. Without
    `topics` it reads all images. It reads a truncated or damaged bag as far as possible and describes the
    rest in `damage`. Raises BagError if the bag cannot be opened at all, or if it lacks a topic; the message
    lists the topics that it has.
    """

    def __init__(self, path: Path, topics: tuple[str, ...] | None = None):
        self.damage = ""
        self.path = path
        self._topics = topics
        if not path.exists():
            raise BagError(f"bag {path}: no such file or folder")
        self._reader: Reader | None = None

    def __enter__(self) -> BagReader:
        from rosbags.rosbag2 import Reader, ReaderError

        try:
            self._reader = Reader(self.path)
            self._reader.open()
            self.kinds = {c.topic: c.msgtype for c in self._reader.connections if _is_image(c.msgtype)}
        except (ReaderError, OSError, sqlite3.Error) as error:
            self._reader = None
            self.damage = f"{self.path}: {error}"
            self.kinds = {record.topic: record.kind for record in self._salvaged(None)}
            if not self.kinds:
                raise BagError(f"bag {self.path}: cannot be opened: {error}") from error
        try:
            self.require(*self._topics or ())
        except BagError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.close()

    def require(self, *topics: str) -> None:
        """Raise BagError, listing the topics with images, unless all of `topics` are among them."""
        missing = [topic for topic in topics if topic not in self.kinds]
        if missing:
            raise BagError(
                f"bag {self.path}: has no images on {', '.join(missing)}; "
                f"it has images on: {', '.join(sorted(self.kinds)) or 'no topic'}"
            )

    def records(self, topics: tuple[str, ...] | None = None) -> Iterator[Record]:
        """Yield all messages of `topics`; without them, of the topics that the reader was made for."""
        wanted = topics or self._topics or tuple(self.kinds)
        if self._reader is None:
            yield from self._salvaged(wanted)
            return
        connections = [c for c in self._reader.connections if _is_image(c.msgtype) and c.topic in wanted]
        if not connections:
            return
        try:
            for connection, received, raw in self._reader.messages(connections):
                yield _record(connection, received, raw)
        # The error depends on where a chunk is damaged and how it is compressed.
        except Exception as error:
            self.damage = f"{self.path}: reading stopped early: {error!r}"

    def _salvaged(self, wanted: tuple[str, ...] | None) -> Iterator[Record]:
        files = sorted(self.path.glob("*.mcap")) if self.path.is_dir() else [self.path]
        for file in files:
            for topic, kind, received, raw in salvage_mcap(file):
                if _is_image(kind) and (wanted is None or topic in wanted):
                    yield Record(topic, kind, received, raw)


def _record(connection: Connection, received: int, raw: bytes | memoryview) -> Record:
    return Record(connection.topic, connection.msgtype, received, bytes(raw))


def _is_image(kind: str) -> bool:
    return kind in (IMAGE, COMPRESSED)

"""Read both cameras' images from a rosbag2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

_IMAGE = "sensor_msgs/msg/Image"
_NS = 1_000_000_000


class BagError(ValueError):
    """Say which bag cannot be used and why."""


class Record(NamedTuple):
    """Hold one recorded message: its topic, when it was received in ns, and its serialised bytes."""

    topic: str
    received: int
    raw: bytes


def stamp_of(raw: bytes | memoryview) -> int:
    """Return the header stamp in ns of a serialised message that begins with a header.

    CDR puts four bytes of encapsulation first, whose second tells the byte order.
    """
    order: str = "little" if raw[1] & 1 else "big"
    seconds = int.from_bytes(raw[4:8], order, signed=True)  # type: ignore[arg-type]
    return seconds * _NS + int.from_bytes(raw[8:12], order)  # type: ignore[arg-type]


class PairBagReader:
    """Read the image messages of two topics, in the order in which they were received.

    Use it as a context manager. Raises BagError when the bag cannot be opened or lacks a topic of
    type sensor_msgs/msg/Image; it then lists those that are there.
    """

    def __init__(self, path: Path, topics: tuple[str, ...]):
        self._path, self._topics = path, topics
        if not path.exists():
            raise BagError(f"bag {path}: no such file or folder")
        self._reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY))

    def __enter__(self) -> PairBagReader:
        try:
            self._reader.open()
        except AnyReaderError as error:
            raise BagError(f"bag {self._path}: cannot be opened: {error}") from error
        images = [c.topic for c in self._reader.connections if c.msgtype == _IMAGE]
        missing = [topic for topic in self._topics if topic not in images]
        if missing:
            self._reader.close()
            raise BagError(
                f"bag {self._path}: has no images on {', '.join(missing)}; "
                f"it has images on: {', '.join(images) or 'no topic'}"
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def records(self) -> Iterator[Record]:
        """Yield all messages of the topics."""
        wanted = [
            connection
            for connection in self._reader.connections
            if connection.topic in self._topics and connection.msgtype == _IMAGE
        ]
        for connection, received, raw in self._reader.messages(wanted):
            yield Record(connection.topic, received, bytes(raw))

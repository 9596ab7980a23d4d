"""Say what every file of a recording offers, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol


class Channel(NamedTuple):
    """Hold a stream of messages of one type on one topic, and how they are serialised (`cdr`)."""

    topic: str
    kind: str
    encoding: str


class Stored(NamedTuple):
    """Hold one message as it lies in a file: its time of arrival in ns, its channel and its bytes."""

    received: int
    channel: int
    raw: bytes


class Part(NamedTuple):
    """Hold a part of a file: when its first message arrived, in ns, and what reads it in order of arrival."""

    start: int
    read: Callable[[], Iterator[Stored]]


class StorageFile(Protocol):
    """Offer the channels of a file by number and its messages; `damage` lists what cannot be read.

    `counts` says how many messages each channel has, by number, if the file tells.
    """

    path: Path
    channels: dict[int, Channel]
    counts: dict[int, int]
    damage: list[str]

    def parts(self, wanted: Collection[int]) -> list[Part]:
        """Return the parts that may hold messages of the `wanted` channels."""

    def close(self) -> None:
        """Close the file."""

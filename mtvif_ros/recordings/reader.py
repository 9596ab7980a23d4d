"""Read the images of a rosbag2, intact or damaged."""

from __future__ import annotations

import heapq
import shlex
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from mtvif_ros.command_line import in_short, need
from mtvif_ros.image import ImageFormatError
from mtvif_ros.pairing.stamps import LATEST, NANOSECONDS
from mtvif_ros.recordings import mcap_file, sqlite_file
from mtvif_ros.recordings.description import described, unpacked_name
from mtvif_ros.recordings.storage import Channel, Part, StorageFile, Stored

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"

STORAGES = ("*.mcap", "*.db3", "*.mcap.zst*", "*.db3.zst*")
_ROS1 = b"#ROSBAG V"
_ZSTD = b"\x28\xb5\x2f\xfd"  # a message begins with a zero byte
_SHORTEST = 16  # bytes of a message with a header
_NOTES_TOLD = 3


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
        """Return the message; read_rgb and read_grey take it like one of rclpy's.

        Raises ImageFormatError, naming the topic, for bytes that are no such message.
        """
        try:
            return message_types().deserialize_cdr(self.raw, self.kind)
        # What it meets in bytes that are something else can raise anything.
        except Exception as error:
            raise ImageFormatError(
                f"{self.topic}: a message cannot be read as {self.kind}: {in_short(error)}"
            ) from error

    def stamped(self, stamp: int) -> Record:
        """Return the record with another stamp, in ns, in its header."""
        seconds, nanoseconds = divmod(stamp, NANOSECONDS)
        order = "little" if self.raw[1] & 1 else "big"
        header = seconds.to_bytes(4, order, signed=True) + nanoseconds.to_bytes(4, order)  # type: ignore[arg-type]
        return self._replace(raw=self.raw[:4] + header + self.raw[12:])


def stamp_of(raw: bytes | memoryview) -> int:
    """Return the stamp in ns of a serialised message that begins with a header.

    CDR begins with four bytes of encapsulation; the second one gives the byte order.
    """
    order: str = "little" if raw[1] & 1 else "big"
    seconds = int.from_bytes(raw[4:8], order, signed=True)  # type: ignore[arg-type]
    return seconds * NANOSECONDS + int.from_bytes(raw[8:12], order)  # type: ignore[arg-type]


class BagReader:
    """Read raw and compressed images in the order of their arrival, whatever files they lie in.

    Use it as a context manager; `records` may be called many times, by one thread and one at a time. Without
    `topics` it reads all images. It believes the files, not metadata.yaml, reads what can be read, and
    describes the rest in `damage`. With `by_arrival` the records' stamps are their times of arrival. Raises
    BagError if the bag cannot be opened at all, or if it lacks a topic; the message lists the topics that it
    has.
    """

    def __init__(self, path: Path, topics: tuple[str, ...] | None = None, by_arrival: bool = False):
        self.path = path
        self.kinds: dict[str, str] = {}
        self.by_arrival = by_arrival
        self.remarks: list[str] = []  # what the user should know, though nothing is missing
        self._topics = topics
        self._notes: list[str] = []
        self._expected: dict[str, int] = {}
        self._channels: dict[str, Channel] = {}
        self._files: list[StorageFile] = []
        self._stack = ExitStack()
        if not path.exists():
            raise BagError(f"bag {path}: no such file or folder")

    def __enter__(self) -> BagReader:
        need("rosbags", "mcap", "zstandard")  # one that is missing must not pass for damage
        with ExitStack() as self._stack:
            for file in self._find_files():
                self._open(file)
            self._choose_images()
            if not self.kinds and (self.damage or not self._files):
                raise BagError(
                    f"bag {self.path}: cannot be opened: {self.damage or 'it holds no mcap or db3 file'}"
                )
            self.require(*self._topics or ())
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def damage(self) -> str:
        """What could not be read until now, in one line; empty when nothing is missing."""
        notes = list(dict.fromkeys([note for file in self._files for note in file.damage] + self._notes))
        more = [f"and {len(notes) - _NOTES_TOLD} more"] if len(notes) > _NOTES_TOLD else []
        return " ".join("; ".join(notes[:_NOTES_TOLD] + more).split())

    def note(self, damage: str) -> None:
        """Add to `damage` what whoever uses the messages finds missing."""
        self._notes.append(damage)

    def require(self, *topics: str) -> None:
        """Raise BagError, listing the topics with images, unless all of `topics` are among them."""
        missing = [self._about(topic) for topic in topics if topic not in self.kinds]
        if missing:
            raise BagError(
                f"bag {self.path}: has no images on {', '.join(missing)}; "
                f"it has images on: {', '.join(sorted(self.kinds)) or 'no topic'}"
            )

    def records(self, topics: Sequence[str] | None = None) -> Iterator[Record]:
        """Yield all messages of `topics`; without them, of the topics that the reader was made for."""
        wanted = topics or self._topics or tuple(self.kinds)
        streams = []
        for file in self._files:
            chosen = {
                number
                for number, channel in file.channels.items()
                if channel.topic in wanted and self.kinds.get(channel.topic) == channel.kind
            }
            streams += [_timed(file, part) for part in file.parts(chosen) if chosen]
        found: Counter[tuple[StorageFile, int]] = Counter()
        unusable: Counter[str] = Counter()
        for _, file, stored in heapq.merge(*streams, key=lambda entry: entry[0]):
            if stored is None:
                continue
            channel = file.channels[stored.channel]
            found[file, stored.channel] += 1
            record = _record(channel, stored)
            if record is None:
                unusable[channel.topic] += 1
            else:
                yield record.stamped(record.received) if self.by_arrival else record
        self._notes += [
            f"{self.path}: {count} messages on {topic} are no images" for topic, count in unusable.items()
        ]
        self._notes += self._missing(wanted, found)

    def others(self, kind: str) -> Iterator[Record]:
        """Yield all messages of a type that holds no images, such as camera_info, file by file."""
        for file in self._files:
            chosen = {n for n, one in file.channels.items() if one.kind == kind and one.encoding == "cdr"}
            for part in file.parts(chosen) if chosen else ():
                found = (_record(file.channels[stored.channel], stored) for stored in part.read())
                yield from (record for record in found if record)

    def _missing(self, wanted: Sequence[str], found: Mapping[tuple[StorageFile, int], int]) -> list[str]:
        """Say where the files, or else metadata.yaml, count more messages on `wanted` topics than `found`."""
        by_topic: Counter[str] = Counter()
        for (file, number), count in found.items():
            by_topic[file.channels[number].topic] += count
        notes = [
            f"{file.path}: counts {count} messages on {file.channels[number].topic}, but holds "
            f"{found.get((file, number), 0)}"
            for file in self._files
            for number, count in file.counts.items()
            if number in file.channels and file.channels[number].topic in wanted
            if count > found.get((file, number), 0)
        ]
        return notes or [
            f"{self.path}: metadata.yaml counts {self._expected[topic]} messages on {topic}, but the files "
            f"hold {by_topic[topic]}"
            for topic in wanted
            if self._expected.get(topic, 0) > by_topic[topic]
        ]

    def _find_files(self) -> list[Path]:
        """Return the files to read; note what is missing and what is left out."""
        if not self.path.is_dir():
            return [self.path]
        found = {file for kind in STORAGES for file in self.path.glob(kind) if file.is_file()}
        present = sorted(
            file for file in found if not file.suffix.startswith(".zst") or file.with_suffix("") not in found
        )
        ros1 = sorted(self.path.glob("*.bag"))
        if ros1 and not present:
            raise _is_ros1(ros1[0])
        self._notes += [str(_is_ros1(file)) for file in ros1]
        about = described(self.path)
        self._expected = about.counts
        named = [file for file in present if unpacked_name(file.name) in about.files]
        if len(named) == len(about.files):
            self._notes += [
                f"{file}: metadata.yaml does not name it, so it was not read; remove one of them"
                for file in present
                if named and file not in named
            ]
            return named or present
        if len(present) < len(about.files):
            missing = sorted(about.files - {unpacked_name(file.name) for file in present})
            self._notes.append(f"{self.path}: {', '.join(missing)} of metadata.yaml is missing")
        return present

    def _open(self, path: Path) -> None:
        """Open a file by what it holds, or note why it cannot be opened."""
        try:
            begin = _beginning(path)
            if begin.startswith(_ROS1):
                raise _is_ros1(path)
            unpacked = self._unpacked(path) if begin.startswith(_ZSTD) else path
            begin = _beginning(unpacked)
            is_sqlite = begin == sqlite_file.MAGIC or (unpacked.suffix == ".db3" and begin)
            kind = sqlite_file.SqliteFile if is_sqlite else mcap_file.McapFile
            file: StorageFile = kind(path, unpacked)
        except (OSError, sqlite3.Error) as error:
            self._notes.append(f"{path}: {error}")
            return
        self._files.append(file)
        self._stack.callback(file.close)

    def _unpacked(self, path: Path) -> Path:
        """Decompress a file as far as possible into a folder that goes when the bag is closed."""
        import zstandard

        unpacked = Path(self._stack.enter_context(TemporaryDirectory())) / path.stem
        with path.open("rb") as packed, unpacked.open("wb") as out:
            try:
                reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
                while block := reader.read(1 << 20):
                    out.write(block)
            except zstandard.ZstdError as error:
                self._notes.append(f"{path}: {error}")
        return unpacked

    def _choose_images(self) -> None:
        """Note the topics whose images can be read; one with two types cannot."""
        for file in self._files:
            for channel in file.channels.values():
                earlier = self._channels.setdefault(channel.topic, channel)
                if earlier != channel:
                    kinds = " or ".join(dict.fromkeys((earlier.kind, channel.kind)))
                    self._channels[channel.topic] = earlier._replace(kind=kinds)
        self.kinds = {
            topic: channel.kind
            for topic, channel in self._channels.items()
            if channel.kind in (IMAGE, COMPRESSED) and channel.encoding == "cdr"
        }

    def _about(self, topic: str) -> str:
        channel = self._channels.get(topic)
        if channel is None:
            return topic
        return (
            f"{topic} (its type is {channel.kind or 'missing'}, its encoding {channel.encoding or 'missing'})"
        )


def _beginning(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(sqlite_file.MAGIC))


def _timed(file: StorageFile, part: Part) -> Iterator[tuple[int, StorageFile, Stored | None]]:
    """Yield the part's messages by time; the empty first entry keeps it unread until its time has come."""
    yield part.start, file, None
    for stored in part.read():
        yield stored.received, file, stored


def _record(channel: Channel, stored: Stored) -> Record | None:
    """Return the message, decompressed if it was compressed by itself; None for what cannot be an image."""
    raw = stored.raw
    if raw.startswith(_ZSTD):
        import zstandard

        try:
            raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        except (zstandard.ZstdError, MemoryError):
            return None
    if len(raw) < _SHORTEST or raw[0] or not 0 <= stored.received < LATEST * NANOSECONDS:
        return None
    return Record(channel.topic, channel.kind, stored.received, raw)


def converted(path: Path) -> Path:
    """Return where the converted form of a ROS 1 bag goes: `drive` for `drive.bag`."""
    return path.with_suffix("") if path.suffix == ".bag" else path.with_name(f"{path.name}_ros2")


def _is_ros1(path: Path) -> BagError:
    command = shlex.join(["rosbags-convert", "--src", str(path), "--dst", str(converted(path))])
    return BagError(f"bag {path}: is a ROS 1 bag; convert it with: {command}")

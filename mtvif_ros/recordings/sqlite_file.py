"""Read an sqlite3 file of a recording, its write-ahead log included, and change neither."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote

from mtvif_ros.recordings.storage import Channel, Part, Stored

MAGIC = b"SQLite format 3\0"

_Place = tuple[int, int, int]  # time of arrival in ns, row, channel


class SqliteFile:
    """Offer an sqlite3 file; see StorageFile. It reads the rows of a damaged one that can be reached.

    `unpacked` holds the same, decompressed.
    """

    def __init__(self, path: Path, unpacked: Path | None = None):
        self.path = path
        self.channels: dict[int, Channel] = {}
        self.counts: dict[int, int] = {}
        self.damage: list[str] = []
        self._places: list[_Place] = []
        self._database = _opened(unpacked or path)
        try:
            rows = self._database.execute("SELECT id, name, type, serialization_format FROM topics")
            self.channels = {row[0]: Channel(*(_text(value) for value in row[1:])) for row in rows}
            self._find_messages()
            self._check()
        except sqlite3.Error as error:
            self.damage.append(f"{path}: {error}")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def parts(self, wanted: Collection[int]) -> list[Part]:
        """Return one part with all messages."""
        places = [place for place in self._places if place[2] in wanted]
        return [Part(places[0][0], lambda: self._messages(places))] if places else []

    def _find_messages(self) -> None:
        """Note where every message lies; from both ends, where a damaged page is between them."""
        found: dict[int, _Place] = {}
        odd = 0
        for order in ("ASC", "DESC"):
            last = None
            try:
                for row, received, channel in self._database.execute(
                    f"SELECT id, timestamp, topic_id FROM messages ORDER BY id {order}"
                ):
                    if last is not None and (row <= last if order == "ASC" else row >= last):
                        raise sqlite3.DatabaseError("its pages lead in a circle")
                    last = row
                    if isinstance(received, int) and isinstance(channel, int):
                        found.setdefault(row, (received, row, channel))
                    else:
                        odd += 1
                break
            except sqlite3.Error as error:
                self.damage.append(f"{self.path}: not all messages can be reached: {error}")
        if odd:
            self.damage.append(f"{self.path}: {odd} messages have no time of arrival")
        self._places = sorted(found.values())

    def _check(self) -> None:
        """Note as damage what hides messages: an unknown topic, pages that contradict each other."""
        if lost := sum(place[2] not in self.channels for place in self._places):
            self.damage.append(f"{self.path}: {lost} messages have a topic that it does not describe")
        if not self.damage:
            (told,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
            if told != b"ok":
                self.damage.append(f"{self.path}: {_text(told)}; messages may be missing")

    def _messages(self, places: list[_Place]) -> Iterator[Stored]:
        lost = 0
        for received, row, channel in places:
            try:
                (raw,) = self._database.execute("SELECT data FROM messages WHERE id = ?", (row,)).fetchone()
                yield Stored(received, channel, bytes(raw))
            except (sqlite3.Error, TypeError):
                lost += 1
        if lost:
            self.damage.append(f"{self.path}: {lost} of {len(places)} messages cannot be read")


def _opened(path: Path) -> sqlite3.Connection:
    """Open a database of which nothing is written.

    Without the locks of others SQLite reads a write-ahead log in memory; with a writable schema, which
    nobody writes here, it reads a file that is shorter than it says.
    """
    address = f"file:{quote(str(path.absolute()))}?mode=ro&vfs=unix-none"
    database = sqlite3.connect(address, uri=True)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA writable_schema = ON")
    database.text_factory = bytes
    return database


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

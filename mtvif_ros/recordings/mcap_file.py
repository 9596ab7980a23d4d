"""Read an mcap file by what lies in it, so that neither its index nor its end need be there."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mtvif_ros.command_line import in_short
from mtvif_ros.recordings.storage import Channel, Part, Stored

MAGIC = b"\x89MCAP0\r\n"

_HEAD = struct.Struct("<BQ")  # of every record: what it is and how many bytes follow
_CHUNK_HEAD = struct.Struct("<QQ")  # the times of arrival of its first and its last message
_MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, time of arrival, time of publishing
_END = struct.Struct("<BQQQI8s")  # the footer, which says where the index begins, and the magic
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _INDEX, _CHUNK_INDEX, _STATISTICS = 2, 3, 4, 5, 6, 7, 8, 11


class _Chunk(NamedTuple):
    start: int
    offset: int
    length: int
    channels: set[int]  # by the index that follows the chunk; empty without one


class _Lone(NamedTuple):
    received: int
    offset: int
    length: int
    channel: int


class McapFile:
    """Offer an mcap file; see StorageFile. It reads up to the first record that makes no sense, and goes
    on at the next chunk if the file's end tells where that is. `unpacked` holds the same, decompressed.
    """

    def __init__(self, path: Path, unpacked: Path | None = None):
        self.path = path
        self.channels: dict[int, Channel] = {}
        self.counts: dict[int, int] = {}
        self.damage: list[str] = []
        self._schemas: dict[int, str] = {}
        self._chunks: list[_Chunk] = []
        self._lone: list[_Lone] = []
        self._file: BinaryIO = (unpacked or path).open("rb")
        try:
            self._scan((unpacked or path).stat().st_size)
            self._find_channels()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def parts(self, wanted: Collection[int]) -> list[Part]:
        """Return a part for each chunk, and one for the messages outside of chunks."""
        chosen = set(wanted)
        parts = [
            Part(chunk.start, lambda chunk=chunk: self._messages(chunk, chosen))  # type: ignore[misc]
            for chunk in self._chunks
            if not chunk.channels or chunk.channels & chosen
        ]
        lone = sorted(one for one in self._lone if one.channel in chosen)
        if lone:
            parts.append(Part(lone[0].received, lambda: map(self._stored, lone)))
        return parts

    def _scan(self, size: int) -> None:
        """Walk over all records without reading what chunks hold."""
        if self._file.read(len(MAGIC)) != MAGIC:
            self.damage.append(f"{self.path}: is not an mcap file" if size else f"{self.path}: is empty")
            return
        offset = len(MAGIC)
        while True:
            self._file.seek(offset)
            head = self._file.read(_HEAD.size)
            opcode, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0)
            offset += _HEAD.size
            if not opcode or offset + length > size:
                self.damage.append(
                    f"{self.path}: ends or is damaged after {offset - _HEAD.size} of {size} bytes"
                )
                if self._chunks:
                    self._chunks[-1].channels.clear()  # the rest of its index may be missing
                following = self._chunk_after(offset, size)
                if following is None:
                    return
                offset = following
                continue
            try:
                self._note(opcode, offset, length)
            # A damaged record can fail in any way.
            except Exception as error:
                self.damage.append(
                    f"{self.path}: the record at byte {offset} cannot be read: {in_short(error)}"
                )
            offset += length
            if opcode == _FOOTER:
                return

    def _chunk_after(self, offset: int, size: int) -> int | None:
        """Return where the next chunk begins, by the index at the file's end; None without one."""
        self._file.seek(max(0, size - _END.size))
        end = self._file.read()
        if len(end) < _END.size or not end.endswith(MAGIC):
            return None
        _, _, place, *_ = _END.unpack(end)
        chunks = []
        while 0 < place < size - _END.size:
            self._file.seek(place)
            opcode, length = _HEAD.unpack(self._file.read(_HEAD.size))
            if opcode == _CHUNK_INDEX:
                *_, chunk = struct.unpack("<QQQ", self._file.read(24))
                chunks.append(chunk)
            place += _HEAD.size + length
        return min((chunk for chunk in chunks if chunk >= offset), default=None)

    def _note(self, opcode: int, offset: int, length: int) -> None:
        if opcode == _CHUNK:
            start, _ = _CHUNK_HEAD.unpack(self._file.read(_CHUNK_HEAD.size))
            self._chunks.append(_Chunk(start, offset, length, set()))
        elif opcode == _INDEX and self._chunks:
            (channel,) = struct.unpack("<H", self._file.read(2))
            self._chunks[-1].channels.add(channel)
        elif opcode == _MESSAGE:
            channel, _, received, _ = _MESSAGE_HEAD.unpack(self._file.read(_MESSAGE_HEAD.size))
            self._lone.append(_Lone(received, offset, length, channel))
        elif opcode in (_SCHEMA, _CHANNEL):
            self._describe(opcode, self._file.read(length))
        elif opcode == _STATISTICS:
            self._take_counts(self._file.read(length))

    def _describe(self, opcode: int, content: bytes) -> None:
        """Take in a schema or a channel."""
        from mcap.data_stream import ReadDataStream
        from mcap.records import Channel as ChannelRecord
        from mcap.records import Schema

        stream = ReadDataStream(BytesIO(content))
        if opcode == _SCHEMA:
            schema = Schema.read(stream)
            self._schemas.setdefault(schema.id, schema.name)
        else:
            channel = ChannelRecord.read(stream)
            kind = self._schemas.get(channel.schema_id, "")
            described = Channel(channel.topic, kind, channel.message_encoding)
            known = self.channels.get(channel.id)
            if known is None or not known.kind:
                self.channels[channel.id] = described
            elif described != known:
                self.damage.append(f"{self.path}: describes channel {channel.id} in two ways")

    def _take_counts(self, content: bytes) -> None:
        from mcap.data_stream import ReadDataStream
        from mcap.records import Statistics

        self.counts = Statistics.read(ReadDataStream(BytesIO(content))).channel_message_counts

    def _find_channels(self) -> None:
        """Look for channels in the chunks, unless the file's end or the chunks' indices tell all."""
        used = {one.channel for one in self._lone}.union(*(chunk.channels for chunk in self._chunks))
        for chunk in self._chunks:
            if not chunk.channels or not used <= self.channels.keys():
                used |= {one.channel for one in self._records(chunk)}
        if unknown := used - self.channels.keys():
            self.damage.append(f"{self.path}: nothing describes the channels {sorted(unknown)}")

    def _messages(self, chunk: _Chunk, wanted: set[int]) -> Iterator[Stored]:
        yield from sorted(
            (one for one in self._records(chunk) if one.channel in wanted), key=lambda one: one.received
        )

    def _records(self, chunk: _Chunk) -> list[Stored]:
        """Return the messages of a chunk, up to any damage, and take in the channels that it describes."""
        found: list[Stored] = []
        strange: set[int] = set()
        try:
            content, offset = self._content(chunk), 0
            while offset < len(content):
                opcode, length = _HEAD.unpack_from(content, offset)
                offset += _HEAD.size
                record = content[offset : offset + length]
                offset += length
                if len(record) < length:
                    raise ValueError(f"a record of {length} bytes lies beyond its end")
                if opcode == _MESSAGE:
                    channel, _, received, _ = _MESSAGE_HEAD.unpack_from(record)
                    found.append(Stored(received, channel, bytes(record[_MESSAGE_HEAD.size :])))
                elif opcode in (_SCHEMA, _CHANNEL):
                    self._describe(opcode, bytes(record))
                else:
                    strange.add(opcode)
        # Decompressors raise errors of their own, and a damaged record can fail in any way.
        except Exception as error:
            self.damage.append(
                f"{self.path}: the chunk at byte {chunk.offset} cannot be read: {in_short(error)}"
            )
        if strange:
            self.damage.append(
                f"{self.path}: the chunk at byte {chunk.offset} holds what is no message: {sorted(strange)}"
            )
        return found

    def _content(self, chunk: _Chunk) -> memoryview:
        from mcap.data_stream import ReadDataStream
        from mcap.records import Chunk
        from mcap.stream_reader import get_chunk_data_stream

        self._file.seek(chunk.offset)
        record: Any = Chunk.read(ReadDataStream(BytesIO(self._file.read(chunk.length))))
        if record.compression not in ("", "zstd", "lz4"):
            raise ValueError(f"compression {record.compression!r} is unknown")
        stream, length = get_chunk_data_stream(record, validate_crc=True)
        if length != record.uncompressed_size:
            raise ValueError(f"it holds {length} bytes instead of {record.uncompressed_size}")
        return memoryview(stream.read(length))

    def _stored(self, one: _Lone) -> Stored:
        self._file.seek(one.offset + _MESSAGE_HEAD.size)
        return Stored(one.received, one.channel, self._file.read(one.length - _MESSAGE_HEAD.size))

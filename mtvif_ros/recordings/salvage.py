"""Read an mcap file from its start to where it is damaged, without its index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader


def salvage_mcap(path: Path) -> Iterator[tuple[str, str, int, bytes]]:
    """Yield topic, type, receive time in ns and bytes of every message before the first damage."""
    schemas: dict[int, str] = {}
    channels: dict[int, tuple[str, str]] = {}
    with path.open("rb") as stream:
        try:
            for record in StreamReader(stream, record_size_limit=path.stat().st_size).records:
                if isinstance(record, Schema):
                    schemas[record.id] = record.name
                elif isinstance(record, Channel):
                    channels[record.id] = (record.topic, schemas.get(record.schema_id, ""))
                elif isinstance(record, Message):
                    topic, kind = channels[record.channel_id]
                    yield topic, kind, record.log_time, record.data
        # The decompressors raise errors of their own, and a broken record may fail in any way.
        except Exception:
            return

"""Read a damaged mcap file up to the damage, without its index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def salvage_mcap(path: Path) -> Iterator[tuple[str, str, int, bytes]]:
    """Yield topic, type, time of arrival in ns and bytes of every message before the first damage."""
    from mcap.records import Channel, Message, Schema
    from mcap.stream_reader import StreamReader

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
        # Decompressors raise errors of their own, and a broken record can fail in any way.
        except Exception:
            return

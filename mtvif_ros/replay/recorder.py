"""Write the inputs, outputs and diagnostics of a replay as one bag."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mtvif_ros import topics
from mtvif_ros.pairing.stamps import in_ns
from mtvif_ros.recordings.reader import IMAGE, message_types, stamp_of
from mtvif_ros.replay.collector import Collector
from mtvif_ros.replay.plan import Plan
from mtvif_ros.replay.player import Sent

_DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"


class _Entry(NamedTuple):
    time: float
    topic: str
    kind: str
    raw: bytes


def record_replay(path: Path, plan: Plan, sent: Sent, collector: Collector, wall_offset: float) -> None:
    """Write every message in the order in which it was published or received, under its own stamp.

    Inputs keep the bag's topic names. `wall_offset` in s turns monotonic times into wall times. Raises
    OSError when there is no space.
    """
    from rosbags.rosbag2 import StoragePlugin, Writer

    store = message_types()
    entries = heapq.merge(
        _inputs(plan, sent),
        _outputs(collector),
        (_Entry(one.time, topics.DIAGNOSTICS, _DIAGNOSTICS, one.raw) for one in collector.reports),
        key=lambda entry: entry.time,
    )
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for entry in entries:
            if entry.topic not in connections:
                connections[entry.topic] = writer.add_connection(entry.topic, entry.kind, typestore=store)
            writer.write(connections[entry.topic], in_ns(entry.time + wall_offset), entry.raw)


def _inputs(plan: Plan, sent: Sent) -> Iterator[_Entry]:
    for record in plan.records():
        when = sent.times[plan.cameras.index(record.topic)].get(stamp_of(record.raw))
        if when is not None:
            yield _Entry(when, record.topic, record.kind, record.raw)


def _outputs(collector: Collector) -> Iterator[_Entry]:
    kept = [
        (arrival, topic)
        for topic, arrivals in collector.arrivals.items()
        for arrival in arrivals.values()
        if arrival.size
    ]
    for arrival, topic in sorted(kept):
        yield _Entry(arrival.time, topic, IMAGE, collector.raw(arrival))

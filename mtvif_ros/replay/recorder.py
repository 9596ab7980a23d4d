"""Write inputs, outputs and diagnostics of a replay as one bag."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from mtvif_ros.pairing.stamps import in_ns
from mtvif_ros.recordings.reader import IMAGE, stamp_of
from mtvif_ros.replay.collector import Collector
from mtvif_ros.replay.passes import Passes
from mtvif_ros.replay.run import Session

_STORE = get_typestore(Stores.ROS2_JAZZY)
_DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"


class _Entry(NamedTuple):
    time: float
    topic: str
    kind: str
    raw: bytes


def record_outputs(path: Path, passes: Passes, session: Session, collector: Collector) -> None:
    """Write everything in the order in which it was published or received, under its own stamps.

    Inputs keep the bag's topic names. Raises OSError when there is no space.
    """
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for entry in heapq.merge(
            _inputs(passes, session),
            _outputs(collector),
            (_Entry(one.time, "/diagnostics", _DIAGNOSTICS, one.raw) for one in collector.diagnoses),
            key=lambda entry: entry.time,
        ):
            if entry.topic not in connections:
                connections[entry.topic] = writer.add_connection(entry.topic, entry.kind, typestore=_STORE)
            wall = in_ns(entry.time + session.wall_minus_monotonic)
            writer.write(connections[entry.topic], wall, entry.raw)


def _inputs(passes: Passes, session: Session) -> Iterator[_Entry]:
    for record in passes.records():
        when = session.published[passes.topics.index(record.topic)].get(stamp_of(record.raw))
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

"""Pair the frames of a whole recording, and read the pairs and their class masks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.imaging.codec import read_grey
from mtvif_ros.pairing.stamps import in_ns
from mtvif_ros.recordings.reader import BagError, BagReader, Record, stamp_of


class RecordedPair(NamedTuple):
    """Hold the visible and the infrared message of one pair."""

    rgb: Record
    ir: Record


def mutual_nearest(rgb: Sequence[int], ir: Sequence[int], slop: int) -> list[tuple[int, int]]:
    """Pair sorted stamps that are each other's nearest and at most `slop` apart, in any unit.

    Returns (rgb, ir) stamps in order. Of two equally near stamps the earlier one counts as nearer.
    """
    pairs = []
    for stamp in rgb:
        partner = _nearest(ir, stamp)
        if partner is None or abs(partner - stamp) > slop:
            continue
        if _nearest(rgb, partner) == stamp:
            pairs.append((stamp, partner))
    return pairs


def stamp_pairs(
    rgb: Collection[int], ir: Collection[int], slop: int, offset: int = 0
) -> list[tuple[int, int]]:
    """Return the (rgb, ir) stamps of all pairs, in ns; `offset` is the infrared minus the visible clock."""
    shifted = mutual_nearest(sorted({stamp + offset for stamp in rgb}), sorted(set(ir)), slop)
    return [(stamp - offset, partner) for stamp, partner in shifted]


def read_stamps(path: Path, topics: tuple[str, str]) -> tuple[list[int], list[int]]:
    """Return the stamps of both topics in ns, in the order of the recording. Raises BagError."""
    stamps: dict[str, list[int]] = {topic: [] for topic in topics}
    with BagReader(path, topics) as reader:
        for record in reader.records():
            stamps[record.topic].append(stamp_of(record.raw))
    return stamps[topics[0]], stamps[topics[1]]


def find_stamp_pairs(
    path: Path, topics: tuple[str, str], slop: float, offset: float
) -> list[tuple[int, int]]:
    """Return the (rgb, ir) stamps in ns of a bag's pairs; `slop` and `offset` are in s.

    Raises BagError if there is no pair.
    """
    pairs = stamp_pairs(*read_stamps(path, topics), in_ns(slop), in_ns(offset))
    if not pairs:
        raise never_meet(path, topics, slop)
    return pairs


def never_meet(path: Path, topics: tuple[str, str], slop: float, more: str = "") -> BagError:
    """Return the error for a bag without two frames within `slop` s of each other."""
    return BagError(
        f"bag {path}: no frames of {topics[0]} and {topics[1]} are within {slop} s of each other; "
        f"see --slop and --offset{more}"
    )


def read_pairs(
    path: Path, topics: tuple[str, str], pairs: Sequence[tuple[int, int]]
) -> Iterator[RecordedPair]:
    """Yield the messages of the given (rgb, ir) stamps in order, holding only unpaired ones in memory."""
    with BagReader(path, topics) as reader:
        for rgb, ir in gather(reader.records(), topics, pairs):
            yield RecordedPair(rgb, ir)


def gather(
    records: Iterable[Record], topics: Sequence[str], groups: Sequence[Sequence[int]]
) -> Iterator[tuple[Record, ...]]:
    """Yield the messages of each group of stamps, in order; only what waits is in memory.

    A group holds one stamp in ns for each of the first topics; a later topic may be left out.
    """
    wanted = {topic: {group[i] for group in groups if len(group) > i} for i, topic in enumerate(topics)}
    waiting: dict[str, dict[int, Record]] = {topic: {} for topic in topics}
    position = 0
    for record in records:
        if position == len(groups):
            return
        stamp = stamp_of(record.raw)
        if stamp in wanted[record.topic]:
            waiting[record.topic].setdefault(stamp, record)
        while position < len(groups):
            group = groups[position]
            if any(stamp not in waiting[topic] for topic, stamp in zip(topics, group)):
                break
            yield tuple(waiting[topic].pop(stamp) for topic, stamp in zip(topics, group))
            position += 1


def read_labels(path: Path, topic: str, stamps: Collection[int]) -> Iterator[tuple[int, Image]]:
    """Yield stamp in ns and class indices (H, W) of every mask on `topic` with one of these stamps.

    Raises BagError if the topic is missing and ImageFormatError for an unreadable mask.
    """
    wanted = set(stamps)
    with BagReader(path, (topic,)) as reader:
        for record in reader.records():
            stamp = stamp_of(record.raw)
            if stamp in wanted:
                yield stamp, np.asarray(read_grey(record.message()), np.uint8)


def _nearest(stamps: Sequence[int], wanted: int) -> int | None:
    position = bisect_left(stamps, wanted)
    around = stamps[max(0, position - 1) : position + 1]
    return min(around, key=lambda stamp: abs(stamp - wanted), default=None)

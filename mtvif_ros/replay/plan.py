"""Plan a replay: which topics of the bag, which part of it, which pairs, how many passes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.masks import read_mask_message
from mtvif_ros.pairing.stamps import NANOSECONDS, in_ns
from mtvif_ros.recordings.pairs import gather, never_meet, stamp_pairs
from mtvif_ros.recordings.reader import COMPRESSED, BagError, BagReader, Record, stamp_of
from mtvif_ros.recordings.topics import choose_cameras, choose_labels
from mtvif_ros.replay.options import ReplayOptions

StampPair = tuple[int, int]


class PlayedPair(NamedTuple):
    """Hold a pair's messages as the bag has them, and the visible stamp in ns under which it was played."""

    stamp: int
    rgb: Record
    ir: Record
    labels: Record | None


@dataclass(frozen=True)
class Plan:
    """Hold what of an open bag is played, and how the passes follow each other; times are in ns.

    cameras: the visible and the infrared topic. labels: the topic of class masks, if there is one.
    stamps: of one pass, visible and infrared, in the bag's order. labelled: stamps that have labels.
    pairs: the (rgb, ir) stamps of one pass that belong together. first: when the bag's first frame was
    received; window: the part after it. period: the length of a pass.
    """

    bag: BagReader
    cameras: tuple[str, str]
    labels: str | None
    stamps: tuple[list[int], list[int]]
    labelled: frozenset[int]
    pairs: list[StampPair]
    first: int
    window: tuple[float, float]
    period: int
    loops: int

    @property
    def compressed(self) -> tuple[bool, bool]:
        """Whether the visible and the infrared images are compressed."""
        rgb, ir = (self.bag.kinds[topic] == COMPRESSED for topic in self.cameras)
        return rgb, ir

    @property
    def frames(self) -> int:
        """How many frames all passes send."""
        return sum(len(of) for of in self.stamps) * self.loops

    @property
    def interval(self) -> float:
        """The median time from one pair to the next, as recorded."""
        stamps = [rgb for rgb, _ in self.pairs]
        return float(np.median(np.diff(stamps))) if len(stamps) > 1 else float(self.period)

    def all_pairs(self) -> list[StampPair]:
        """Return the (rgb, ir) stamps of the pairs of all passes, as they are played."""
        return [(rgb + shift, ir + shift) for shift in self._shifts() for rgb, ir in self.pairs]

    def previous(self) -> dict[int, int]:
        """Return the visible stamp of the pair before, as played, by that of each pair but a pass's first."""
        return {
            later + shift: earlier + shift
            for shift in self._shifts()
            for (earlier, _), (later, _) in pairwise(self.pairs)
        }

    def records(self) -> Iterator[Record]:
        """Yield the frames of all passes, stamps and times of receipt moved on from pass to pass."""
        for shift in self._shifts():
            for record in self.bag.records(self.cameras):
                if self.window[0] <= record.received - self.first < self.window[1]:
                    yield moved(record, shift)

    def read_pairs(self, wanted: Collection[int]) -> Iterator[PlayedPair]:
        """Yield the messages of the pairs whose visible stamps, as played, are `wanted`, in order."""
        topics = self.cameras if self.labels is None else (*self.cameras, self.labels)
        for shift in self._shifts():
            pairs = [pair for pair in self.pairs if pair[0] + shift in wanted]
            if not pairs:
                continue
            groups = [(rgb, ir, rgb) if rgb in self.labelled else (rgb, ir) for rgb, ir in pairs]
            found = gather(self.bag.records(topics), topics, groups)
            for (stamp, _), (rgb, ir, *labels) in zip(pairs, found):
                yield PlayedPair(stamp + shift, rgb, ir, labels[0] if labels else None)

    def _shifts(self) -> list[int]:
        """Return what each pass adds to the stamps."""
        return [number * self.period for number in range(self.loops)]


def plan_replay(bag: BagReader, options: ReplayOptions) -> Plan:
    """Scan the bag once and choose what `options` ask for.

    Raises BagError when a topic is missing or unclear, when labels are no class indices, or when the part
    holds no pair.
    """
    cameras = choose_cameras(bag, options.rgb_topic, options.ir_topic)
    labels = choose_labels(bag, options.label_topic)
    topics = cameras if labels is None else (*cameras, labels)
    bag.require(*topics)
    window = (options.start * NANOSECONDS, (options.start + options.duration) * NANOSECONDS)
    stamps: dict[str, list[int]] = {topic: [] for topic in topics}
    received = []
    first = last = None
    for record in bag.records(topics):
        if record.topic == labels:
            if not stamps[labels]:
                _check_labels(options.bag, record)
            stamps[labels].append(stamp_of(record.raw))
            continue
        first, last = record.received if first is None else first, record.received
        if window[0] <= record.received - first < window[1]:
            stamps[record.topic].append(stamp_of(record.raw))
            received.append(record.received)
    damaged = f"; the bag is damaged: {bag.damage}" if bag.damage else ""
    if first is None or last is None:
        raise BagError(f"bag {options.bag}: has no frames of {' and '.join(cameras)}{damaged}")
    if not received:
        raise BagError(
            f"bag {options.bag}: has no frames within --start {options.start} and --duration "
            f"{options.duration}; it lasts {(last - first) / NANOSECONDS:.1f} s{damaged}"
        )
    rgb, ir = stamps[cameras[0]], stamps[cameras[1]]
    pairs = stamp_pairs(rgb, ir, in_ns(options.slop), in_ns(options.offset))
    if not pairs:
        raise never_meet(options.bag, cameras, options.slop, damaged)
    span = received[-1] - received[0]
    return Plan(
        bag=bag,
        cameras=cameras,
        labels=labels,
        stamps=(rgb, ir),
        labelled=frozenset(stamps[labels] if labels else ()),
        pairs=pairs,
        first=first,
        window=window,
        period=span + span // max(1, max(len(set(rgb)), len(set(ir))) - 1),
        loops=options.loops,
    )


def _check_labels(bag: Path, record: Record) -> None:
    try:
        read_mask_message(record.message())
    except ImageFormatError as error:
        raise BagError(f"bag {bag}: labels on {record.topic}: {error}") from error


def moved(record: Record, shift: int) -> Record:
    """Return the record `shift` ns later: its time of receipt and the stamp in its header."""
    if shift == 0:
        return record
    seconds, nanoseconds = divmod(stamp_of(record.raw) + shift, NANOSECONDS)
    order = "little" if record.raw[1] & 1 else "big"
    stamp = seconds.to_bytes(4, order, signed=True) + nanoseconds.to_bytes(4, order)  # type: ignore[arg-type]
    raw = record.raw[:4] + stamp + record.raw[12:]
    return record._replace(received=record.received + shift, raw=raw)

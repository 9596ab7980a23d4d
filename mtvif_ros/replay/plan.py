"""Plan a replay: which topics of the bag, which part of it, which pairs, how many passes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mtvif_ros.pairing.stamps import LATEST, NANOSECONDS, in_ns
from mtvif_ros.recordings.pairs import (
    few_pairs,
    gather,
    never_meet,
    read_shots,
    remark_on_frames,
    stamp_pairs,
    tell_apart,
)
from mtvif_ros.recordings.reader import COMPRESSED, BagError, BagReader, Record, stamp_of
from mtvif_ros.recordings.topics import choose_cameras, choose_labels, damaged
from mtvif_ros.replay.options import ReplayOptions

StampPair = tuple[int, int]

LONGEST_GAP = 10 * NANOSECONDS
"""For how long, in ns of the recording, a replay waits for the next frame; a longer gap is cut to this."""


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
    received; window: the part after it. last: when the last frame of that part was received. period: what
    lies between a pass and the next.
    """

    bag: BagReader
    cameras: tuple[str, str]
    labels: str | None
    stamps: tuple[list[int], list[int]]
    labelled: frozenset[int]
    pairs: list[StampPair]
    first: int
    window: tuple[float, float]
    last: int
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

    def seconds(self, received: int) -> float:
        """Return how many s after the bag's first frame something was received."""
        return (received - self.first) / NANOSECONDS

    def all_pairs(self) -> list[StampPair]:
        """Return the (rgb, ir) stamps of the pairs of all passes, as they are played."""
        return [(rgb + shift, ir + shift) for shift in self._shifts() for rgb, ir in self.pairs]

    def previous(self) -> dict[int, int]:
        """Map each pair's visible stamp, as played, to that of the pair before; omit each pass's first."""
        return {
            later + shift: earlier + shift
            for shift in self._shifts()
            for (earlier, _), (later, _) in pairwise(self.pairs)
        }

    def records(self) -> Iterator[Record]:
        """Yield the frames of all passes, stamps and times of receipt moved on from pass to pass."""
        for shift in self._shifts():
            for record in self.recorded():
                later = record._replace(received=record.received + shift)
                yield later.stamped(stamp_of(record.raw) + shift) if shift else record

    def recorded(self) -> Iterator[Record]:
        """Yield the frames of one pass as the bag has them."""
        for record in self.bag.records(self.cameras):
            if self.window[0] <= record.received - self.first < self.window[1]:
                yield record

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

    Raises BagError when a topic is missing or unclear, or when the part holds no pair.
    """
    cameras = choose_cameras(bag, options.rgb_topic, options.ir_topic)
    labels = choose_labels(bag, options.label_topic) if options.labels else None
    topics = cameras if labels is None else (*cameras, labels)
    bag.require(*topics)
    window = (options.start * NANOSECONDS, (options.start + options.duration) * NANOSECONDS)
    shots = read_shots(bag, topics)
    times = sorted(shot.received for topic in cameras for shot in shots[topic])
    if not times:
        raise BagError(f"bag {options.bag}: has no frames of {' and '.join(cameras)}{damaged(bag)}")
    played = {
        topic: [shot for shot in shots[topic] if window[0] <= shot.received - times[0] < window[1]]
        for topic in cameras
    }
    received = sorted(shot.received for of in played.values() for shot in of)
    if not received:
        raise BagError(
            f"bag {options.bag}: has no frames within --start {options.start} and --duration "
            f"{options.duration}; it lasts {(times[-1] - times[0]) / NANOSECONDS:.1f} s{damaged(bag)}"
        )
    rgb, ir = tell_apart(bag, *played.values())
    pairs = stamp_pairs(rgb, ir, in_ns(options.slop), in_ns(options.offset))
    if not pairs:
        raise never_meet(bag, played, options.slop)
    if few := few_pairs(played, len(pairs)):
        bag.remarks.append(few)
    remark_on_frames(bag, played)
    gaps = [later - earlier for earlier, later in pairwise(received)]
    if long := [gap for gap in gaps if gap > LONGEST_GAP]:
        bag.remarks.append(
            f"bag {options.bag}: gaps beyond {LONGEST_GAP // NANOSECONDS} s are cut to that: {len(long)}, "
            f"the longest of {max(long) / NANOSECONDS:.0f} s"
        )
    usual = sum(min(gap, LONGEST_GAP) for gap in gaps) // max(1, max(len(set(rgb)), len(set(ir))) - 1)
    period = received[-1] - received[0] + usual
    if max(*rgb, *ir) + (options.loops - 1) * period >= LATEST * NANOSECONDS:
        raise BagError(
            f"bag {options.bag}: --loop {options.loops} makes stamps that a message cannot hold, as a pass "
            f"lasts {period / NANOSECONDS:.0f} s; play fewer, or use --start and --duration"
        )
    return Plan(
        bag=bag,
        cameras=cameras,
        labels=labels,
        stamps=(rgb, ir),
        labelled=frozenset(
            shot.received if bag.by_arrival else shot.stamp for shot in (shots[labels] if labels else ())
        ),
        pairs=pairs,
        first=times[0],
        window=window,
        last=received[-1],
        period=period,
        loops=options.loops,
    )

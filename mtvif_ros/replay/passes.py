"""Choose a part of a recording and repeat it, so that time never jumps back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.pairs import never_meet, stamp_pairs
from mtvif_ros.recordings.reader import BagError, BagReader, Record, stamp_of
from mtvif_ros.replay.options import ReplayOptions


@dataclass(frozen=True)
class Passes:
    """Hold what is to be played: the stamps of one pass, and how far apart the passes are.

    `stamps` are the visible and infrared ones in ns; `first` is when the bag's first message was received,
    `window` the part in ns after it; `period` is the length of a pass; `damage` says what of the bag
    could not be read.
    """

    bag: Path
    topics: tuple[str, str]
    stamps: tuple[list[int], list[int]]
    pairs: list[tuple[int, int]]
    first: int
    window: tuple[float, float]
    period: int
    loops: int
    damage: str

    @property
    def shifts(self) -> list[int]:
        """What each pass adds to the stamps, in ns."""
        return [number * self.period for number in range(self.loops)]

    def all_pairs(self) -> list[tuple[int, int]]:
        """Return the (rgb, ir) stamps of the pairs of all passes."""
        return [(rgb + shift, ir + shift) for shift in self.shifts for rgb, ir in self.pairs]

    def records(self) -> Iterator[Record]:
        """Yield the messages of all passes with their stamps and times of receipt moved on."""
        for shift in self.shifts:
            with BagReader(self.bag, self.topics) as reader:
                for record in reader.records():
                    if self.window[0] <= record.received - self.first < self.window[1]:
                        yield moved(record, shift)


def plan_passes(options: ReplayOptions) -> Passes:
    """Read the stamps of the part that `options` choose. Raises BagError, also where it holds no pair."""
    window = (options.start * NANOSECONDS, (options.start + options.duration) * NANOSECONDS)
    stamps: dict[str, list[int]] = {topic: [] for topic in options.topics}
    received = []
    first = last = None
    with BagReader(options.bag, options.topics) as reader:
        for record in reader.records():
            first, last = record.received if first is None else first, record.received
            if window[0] <= record.received - first < window[1]:
                stamps[record.topic].append(stamp_of(record.raw))
                received.append(record.received)
        damage = reader.damage
    if first is None or last is None:
        raise BagError(f"bag {options.bag}: has no frames of {' and '.join(options.topics)}{_told(damage)}")
    if not received:
        raise BagError(
            f"bag {options.bag}: has no frames within --start {options.start} and --duration "
            f"{options.duration}; it lasts {(last - first) / NANOSECONDS:.1f} s{_told(damage)}"
        )
    rgb, ir = (stamps[topic] for topic in options.topics)
    longest = max(len(set(of)) for of in (rgb, ir))
    span = received[-1] - received[0]
    period = span + span // max(1, longest - 1)
    pairs = stamp_pairs(rgb, ir, options.slop_ns, options.offset_ns)
    if not pairs:
        raise never_meet(options.bag, options.topics, options.slop, _told(damage))
    return Passes(options.bag, options.topics, (rgb, ir), pairs, first, window, period, options.loops, damage)


def _told(damage: str) -> str:
    return f"; the bag is damaged: {damage}" if damage else ""


def moved(record: Record, shift: int) -> Record:
    """Return the record `shift` ns later: its time of receipt and the stamp in its header."""
    if shift == 0:
        return record
    seconds, nanoseconds = divmod(stamp_of(record.raw) + shift, NANOSECONDS)
    order = "little" if record.raw[1] & 1 else "big"
    stamp = seconds.to_bytes(4, order, signed=True) + nanoseconds.to_bytes(4, order)  # type: ignore[arg-type]
    raw = record.raw[:4] + stamp + record.raw[12:]
    return record._replace(received=record.received + shift, raw=raw)

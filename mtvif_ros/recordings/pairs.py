"""Pair the frames of a whole recording, and read the pairs and their class masks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from mtvif_ros.image import AnyImage, Image, ImageFormatError
from mtvif_ros.imaging.codec import FALSE_COLOURS, read_infrared, read_rgb
from mtvif_ros.imaging.masks import read_mask_message
from mtvif_ros.pairing.stamps import NANOSECONDS, in_ns
from mtvif_ros.recordings.reader import BagError, BagReader, Record, stamp_of
from mtvif_ros.recordings.timing import Shot
from mtvif_ros.recordings.topics import damaged

_DISTINCT = 0.8  # least share of a camera's frames that have a stamp of their own
_FEW = 0.5  # of the frames of the slower camera
_LATE, _LATE_SHARE = NANOSECONDS, 0.1  # of a recording, in which a camera may start or end beside the other
_FAR = 10 * NANOSECONDS  # longer than any delay from stamp to arrival varies

T = TypeVar("T")


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


def read_shots(bag: BagReader, topics: Sequence[str]) -> dict[str, list[Shot]]:
    """Return by topic when each message arrived and its stamp, in ns, in the order of arrival."""
    shots: dict[str, list[Shot]] = {topic: [] for topic in topics}
    for record in bag.records(topics):
        shots[record.topic].append(Shot(record.received, stamp_of(record.raw)))
    return shots


def tell_apart(bag: BagReader, *cameras: list[Shot]) -> tuple[list[int], ...]:
    """Return for each camera what tells its frames apart, in ns: stamps, or times of arrival if those repeat.

    From then on the bag's records have these as stamps. Raises BagError if neither tells frames apart.
    """
    # A message that a merged bag holds twice is one frame.
    if any(_repeat([shot.stamp for shot in set(shots)]) for shots in cameras):
        if any(_repeat([shot.received for shot in shots]) for shots in cameras):
            raise BagError(
                f"bag {bag.path}: neither the stamps nor the times of arrival tell its frames apart; "
                "record it again with stamps"
            )
        bag.by_arrival = True
        bag.remarks.append(
            f"bag {bag.path}: stamps are missing or repeat; frames have their times of arrival"
        )
    return tuple([shot.received if bag.by_arrival else shot.stamp for shot in shots] for shots in cameras)


def find_stamp_pairs(
    bag: BagReader, topics: tuple[str, str], slop: float, offset: float
) -> list[tuple[int, int]]:
    """Return the (rgb, ir) stamps in ns of a bag's pairs; `slop` and `offset` are in s.

    Raises BagError if there is no pair; notes as damage that most frames have no partner.
    """
    bag.require(*topics)
    shots = read_shots(bag, topics)
    rgb, ir = tell_apart(bag, *shots.values())
    pairs = stamp_pairs(rgb, ir, in_ns(slop), in_ns(offset))
    if not pairs:
        raise never_meet(bag, shots, slop)
    if few := few_pairs(shots, len(pairs)):
        bag.note(few)
    remark_on_frames(bag, shots)
    return pairs


def remark_on_frames(bag: BagReader, shots: Mapping[str, Sequence[Shot]]) -> None:
    """Remark on what leaves frames without partner: a camera that is not there all the time, odd stamps."""
    spans = {topic: max(found).received - min(found).received for topic, found in shots.items()}
    longest = max(spans.values())
    for topic, span in spans.items():
        if longest - span > _LATE + _LATE_SHARE * longest:
            bag.remarks.append(
                f"{topic}: has frames in {span / NANOSECONDS:.1f} of {longest / NANOSECONDS:.1f} s"
            )
    for topic, found in () if bag.by_arrival else shots.items():
        delays = np.array([shot.received - shot.stamp for shot in found])
        strays = np.count_nonzero(np.abs(delays - np.median(delays)) > _FAR)
        repeated = len(found) - len({shot.stamp for shot in found})
        for count, how in (
            (strays, f"are more than {_FAR // NANOSECONDS} s off from their neighbours'"),
            (repeated, "repeat, so that only one frame of each is paired"),
        ):
            if count:
                bag.remarks.append(
                    f"{topic}: {count} of {len(found)} stamps {how}; --arrival pairs frames by when they "
                    "were recorded"
                )


def few_pairs(shots: Mapping[str, Sequence[Shot]], pairs: int) -> str:
    """Say that most frames of both cameras found no partner; an empty text when that is not so."""
    if pairs >= _FEW * min(len(set(found)) for found in shots.values()):
        return ""
    frames = " and ".join(f"{len(found)} frames of {topic}" for topic, found in shots.items())
    return f"pairs found in {frames}: only {pairs}; {_remedy(shots)}"


def never_meet(bag: BagReader, shots: Mapping[str, Sequence[Shot]], slop: float) -> BagError:
    """Return the error for a bag without two frames of both topics within `slop` s of each other."""
    for topic, found in shots.items():
        if not found:
            return BagError(f"bag {bag.path}: has no frames of {topic}{damaged(bag)}")
    return BagError(
        f"bag {bag.path}: no frames of {' and '.join(shots)} are within {slop} s of each other; "
        f"{_remedy(shots)}{damaged(bag)}"
    )


def read_pairs(
    bag: BagReader, topics: tuple[str, str], pairs: Sequence[tuple[int, int]]
) -> Iterator[RecordedPair]:
    """Yield the messages of the given (rgb, ir) stamps in order, holding only unpaired ones in memory."""
    for rgb, ir in gather(bag.records(topics), topics, pairs):
        yield RecordedPair(rgb, ir)


def decoded_pairs(
    bag: BagReader,
    topics: tuple[str, str],
    pairs: Sequence[tuple[int, int]],
    visible: Callable[[Any], AnyImage],
) -> Iterator[tuple[int, AnyImage, AnyImage]]:
    """Yield the visible stamp in ns, the visible frame as `visible` reads it and the infrared frame.

    Notes as damage which pairs cannot be read, and remarks on infrared in false colours. Raises
    ImageFormatError if no pair can be read.
    """
    count, coloured, failures = 0, 0, []
    for pair in read_pairs(bag, topics, pairs):
        try:
            rgb = read_image(pair.rgb, visible)
            ir, is_coloured = read_image(pair.ir, read_infrared)
        except ImageFormatError as error:
            failures.append(error)
            continue
        count += 1
        coloured += is_coloured
        yield stamp_of(pair.rgb.raw), rgb, ir
    remark_on_colours(bag, topics[1], coloured, count)
    if failures and not count:
        raise failures[0]
    if failures:
        bag.note(
            f"{len(failures)} of {len(pairs)} pairs cannot be read, the first one because: {failures[0]}"
        )


def remark_on_colours(bag: BagReader, topic: str, coloured: int, count: int) -> None:
    """Remark that so many of `count` infrared frames are in false colours, if any."""
    if coloured:
        bag.remarks.append(f"{coloured} of {count} frames of {topic}: {FALSE_COLOURS}")


def read_image(record: Record, read: Callable[[Any], T]) -> T:
    """Return what `read` makes of a record's message. Raises ImageFormatError, naming the topic."""
    message = record.message()
    try:
        return read(message)
    except ImageFormatError as error:
        raise ImageFormatError(f"{record.topic}: {error}") from error


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
            wanted[record.topic].remove(stamp)
            waiting[record.topic][stamp] = record
        while position < len(groups):
            group = groups[position]
            if any(stamp not in waiting[topic] for topic, stamp in zip(topics, group)):
                break
            yield tuple(waiting[topic].pop(stamp) for topic, stamp in zip(topics, group))
            position += 1


def frame_size(bag: BagReader, topic: str) -> tuple[int, ...] | None:
    """Return the height and width of the first visible frame of a topic that can be read."""
    for record in bag.records((topic,)):
        try:
            return read_image(record, read_rgb).shape[:2]
        except ImageFormatError:
            continue
    return None


def read_labels(bag: BagReader, topic: str, stamps: Collection[int]) -> Iterator[tuple[int, Image]]:
    """Yield stamp in ns and class indices (H, W) of the first mask on `topic` with each of these stamps.

    Raises BagError if the topic is missing and ImageFormatError for a mask that read_mask refuses.
    """
    bag.require(topic)
    wanted = set(stamps)
    for record in bag.records((topic,)):
        stamp = stamp_of(record.raw)
        if stamp in wanted:
            wanted.remove(stamp)
            yield stamp, read_mask(record)


def read_mask(record: Record) -> Image:
    """Return the class indices (H, W) of a label message.

    Raises ImageFormatError, naming the topic, for what read_mask_message refuses.
    """
    try:
        return read_image(record, read_mask_message)
    except ImageFormatError as error:
        raise ImageFormatError(f"{error}; or use --no-labels") from error


def stamps_apart(shots: Mapping[str, Sequence[Shot]]) -> float:
    """Return by how much, in s, infrared stamps are later than visible ones that arrived together."""
    rgb, ir = (sorted(of) for of in shots.values())
    received = [shot.received for shot in rgb]
    stamps = dict(rgb)
    apart = [shot.stamp - stamps[_nearest(received, shot.received) or 0] for shot in ir]
    return float(np.median(apart)) / NANOSECONDS


def _repeat(stamps: Sequence[int]) -> bool:
    """Say whether stamps repeat so often that they do not identify frames."""
    return len(set(stamps)) < _DISTINCT * len(stamps)


def _remedy(shots: Mapping[str, Sequence[Shot]]) -> str:
    """Say which options make pairs, and how far apart the stamps of frames are that arrived together."""
    return (
        "see --slop and --offset, or --arrival: infrared stamps are about "
        f"{stamps_apart(shots):.3f} s after the visible ones of the same moment"
    )


def _nearest(stamps: Sequence[int], wanted: int) -> int | None:
    position = bisect_left(stamps, wanted)
    around = stamps[max(0, position - 1) : position + 1]
    return min(around, key=lambda stamp: abs(stamp - wanted), default=None)

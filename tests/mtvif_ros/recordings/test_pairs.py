import weakref
from typing import cast

from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.pairs import gather, mutual_nearest
from mtvif_ros.recordings.reader import Record


def test_frames_pair_when_each_is_the_others_nearest() -> None:
    assert mutual_nearest([0, 30, 60], [2, 33, 95], 10) == [(0, 2), (30, 33)]


def test_a_frame_is_used_once() -> None:
    assert mutual_nearest([0, 3], [2], 10) == [(3, 2)]


def test_nothing_pairs_with_nothing() -> None:
    assert mutual_nearest([1, 2], [], 10) == []


class _Raw(bytearray):
    """Bytes that a weak reference can point to."""


def test_frames_that_come_again_after_their_pair_are_not_kept() -> None:
    seen: list[weakref.ref[_Raw]] = []

    def frame(topic: str, second: int) -> Record:
        raw = _Raw(b"\0\1\0\0" + second.to_bytes(4, "little") + bytes(4))
        seen.append(weakref.ref(raw))
        return Record(topic, "", 0, cast(bytes, raw))

    records = (frame(topic, second) for second in range(5) for topic in ("rgb", "ir", "rgb", "ir"))
    pairs = gather(records, ("rgb", "ir"), [(second * NANOSECONDS,) * 2 for second in range(5)])
    for _ in range(5):
        next(pairs)
    assert sum(raw() is not None for raw in seen) <= 2

"""Say which frames of a recording belong together, knowing all of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def mutual_nearest(rgb: Sequence[int], ir: Sequence[int], slop: int) -> list[tuple[int, int]]:
    """Pair stamps (sorted, any unit) that are each other's nearest and at most `slop` apart.

    Returns (rgb, ir) stamps in order. Of two equally near stamps the earlier counts as the nearer.
    """
    pairs = []
    for stamp in rgb:
        partner = _nearest(ir, stamp)
        if partner is None or abs(partner - stamp) > slop:
            continue
        if _nearest(rgb, partner) == stamp:
            pairs.append((stamp, partner))
    return pairs


def _nearest(stamps: Sequence[int], wanted: int) -> int | None:
    position = bisect_left(stamps, wanted)
    around = stamps[max(0, position - 1) : position + 1]
    return min(around, key=lambda stamp: abs(stamp - wanted), default=None)

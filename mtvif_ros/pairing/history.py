"""Tell from the last stamps and arrivals why frames find no partner, and which parameter helps."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import ceil

import numpy as np
import numpy.typing as npt

from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.pairing.synchronizer import JUMP, Stream

_REMEMBERED = 128  # frames of each stream: seconds
_LONGEST_WAY = 2 * NANOSECONDS  # a frame that comes later than this after its stamp has another clock

Times = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]


class History:
    """Remember when frames were taken and when they came. `names` are the streams' topics; times in ns."""

    def __init__(self, names: Mapping[Stream, str]):
        self._names = names
        self._frames: dict[Stream, deque[tuple[int, int]]] = {
            stream: deque(maxlen=_REMEMBERED) for stream in names
        }

    def see(self, stream: Stream, stamp: int, arrival: int) -> None:
        """Note a frame by its own stamp and its monotonic arrival; after a jump back forget those before."""
        frames = self._frames[stream]
        if frames and stamp < frames[-1][0] - JUMP:
            frames.clear()
        frames.append((stamp, arrival))

    def explain(self, slop: int, max_wait: int, queue_size: int, offset: int) -> str:
        """Return what keeps the frames apart under these settings, and what to set instead."""
        if not all(self._frames.values()):
            return "one camera is silent"
        (rgb, rgb_at), (ir, ir_at) = (np.array(self._frames[stream], np.int64).T for stream in Stream)
        # Both cameras send at once, so that arrivals show how far apart their clocks are.
        clocks = round(float(np.median(ir - ir_at) - np.median(rgb - rgb_at)))
        slower, rgb_indices, ir_indices = _nearest(rgb + offset, ir)
        distance = float(np.median(np.abs(ir[ir_indices] - rgb[rgb_indices] - offset)))
        lag = float(np.median(ir_at[ir_indices] - rgb_at[rgb_indices]))
        own, other = self._names[Stream.IR], self._names[Stream.RGB]
        if abs(clocks - offset) > _LONGEST_WAY:
            return (
                f"stamps of {own} are {clocks / NANOSECONDS:+.3f} s from those of {other}: synchronise the "
                f"clocks, set sync.offset to {clocks / NANOSECONDS:.3f}, or set sync.by to arrival"
            )
        if distance > slop:
            few, many = (own, other) if slower is Stream.IR else (other, own)
            return (
                f"stamps of {few} are {distance / 1e6:.0f} ms from the nearest of {many}: raise sync.slop "
                f"({slop / 1e6:.0f} ms), or correct sync.offset if the clocks differ"
            )
        queued = ceil(abs(lag) / _period(rgb_at if lag > 0 else ir_at)) + 1
        if abs(lag) > max_wait or queued > queue_size:
            late, early = (own, other) if lag > 0 else (other, own)
            return (
                f"{late} comes {abs(lag) / NANOSECONDS:.2f} s after {early}: set sync.max_wait above that "
                f"and sync.queue_size to {max(queued, queue_size)}; if its clock is wrong, set sync.offset "
                f"to {clocks / NANOSECONDS:.2f}"
            )
        return "their stamps agree, so some are lost or late on the way: see the counts in the diagnostics"


def _nearest(rgb: Times, ir: Times) -> tuple[Stream, Indices, Indices]:
    """Return the slower camera and where, in `rgb` and in `ir`, its stamps and the nearest ones to them lie.

    Of a faster camera most stamps have none that is near. As many frames of it last for less time, so only
    those stamps count that lie in the time which both remember.
    """
    begin, end = max(rgb.min(), ir.min()), min(rgb.max(), ir.max())
    rgb_indices, ir_indices = (np.flatnonzero((begin <= stamps) & (stamps <= end)) for stamps in (rgb, ir))
    if not (len(rgb_indices) and len(ir_indices)):
        rgb_indices, ir_indices = np.arange(len(rgb)), np.arange(len(ir))
    apart = np.abs(rgb[:, None] - ir)
    if len(ir_indices) <= len(rgb_indices):
        return Stream.IR, apart[:, ir_indices].argmin(axis=0), ir_indices
    return Stream.RGB, rgb_indices, apart[rgb_indices].argmin(axis=1)


def _period(arrivals: Times) -> float:
    return max(1.0, (arrivals[-1] - arrivals[0]) / (len(arrivals) - 1)) if len(arrivals) > 1 else NANOSECONDS

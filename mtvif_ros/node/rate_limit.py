"""Limit how often the node answers."""

from __future__ import annotations

from mtvif_ros.pairing.stamps import NANOSECONDS

_TOLERATED = 0.45  # of a period that a pair may come early or late without a change of the rhythm


def period(maximum: float) -> int:
    """Return in ns the time between two answers at a rate in Hz; 0 Hz means no limit, and gives 0.

    Raises ValueError for a rate too low.
    """
    try:
        return round(NANOSECONDS / maximum) if maximum else 0
    except OverflowError:
        raise ValueError(f"{maximum} is too low a rate; 0 answers every pair") from None


class RateLimit:
    """Let at most so many pairs a second pass, evenly; times are monotonic and in ns.

    Raises what `period` raises.
    """

    def __init__(self, maximum: float):
        self.set(maximum)

    def set(self, maximum: float) -> None:
        """Change the rate, in Hz; 0 lets all pass."""
        self._period = period(maximum)
        self._due = 0

    def passes(self, now: int) -> bool:
        """Say whether a pair that comes at `now` passes."""
        tolerated = round(_TOLERATED * self._period)
        if now < self._due - tolerated:
            return False
        is_on_time = now <= self._due + tolerated
        self._due = (self._due if is_on_time else now) + self._period
        return True

"""Convert seconds and ROS stamps to whole nanoseconds, the unit of all comparisons."""

from __future__ import annotations

from typing import Any

NANOSECONDS = 1_000_000_000
LATEST = 2**31
"""The first time, in s, that no stamp can hold: its seconds are an int32."""


def in_ns(seconds: float) -> int:
    """Return seconds in whole nanoseconds."""
    return round(seconds * NANOSECONDS)


def header_stamp(message: Any) -> int:
    """Return the stamp of a message's header in ns."""
    stamp = message.header.stamp
    return int(stamp.sec * NANOSECONDS + stamp.nanosec)

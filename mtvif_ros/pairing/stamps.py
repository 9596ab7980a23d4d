"""Convert between seconds, ROS stamps and whole nanoseconds, in which all stamps are compared."""

from __future__ import annotations

from typing import Any

NANOSECONDS = 1_000_000_000


def in_ns(seconds: float) -> int:
    """Return seconds in whole nanoseconds."""
    return round(seconds * NANOSECONDS)


def header_stamp(message: Any) -> int:
    """Return the stamp of a message's header, builtin_interfaces/Time, in ns."""
    stamp = message.header.stamp
    return int(stamp.sec * NANOSECONDS + stamp.nanosec)

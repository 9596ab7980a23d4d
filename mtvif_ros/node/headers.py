"""Give an answer the visible frame's header or, for infrared alone, what that would be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from mtvif_ros.node.inputs import Arrived
from mtvif_ros.node.parameters import Sync
from mtvif_ros.pairing.stamps import NANOSECONDS, header_stamp, in_ns
from mtvif_ros.pairing.synchronizer import Stream
from mtvif_ros.size import Size


class _Visible(NamedTuple):
    """Hold of a visible frame what infrared alone needs: stamp (of the node, if zero) and arrival, in ns."""

    size: Size
    frame_id: str
    is_stamped: bool
    stamp: int
    at: int


class Headers:
    """Remember the last visible frame, on whose grid and clock infrared alone is published."""

    def __init__(self, sync: Sync):
        self._sync = sync
        self._visible: _Visible | None = None

    @property
    def size(self) -> Size | None:
        """Return the height and width of visible frames, None until one has come."""
        return self._visible.size if self._visible else None

    def see(self, frame: Arrived, size: Size) -> None:
        """Note a visible frame of this size."""
        is_stamped = header_stamp(frame.message) != 0
        self._visible = _Visible(size, frame.message.header.frame_id, is_stamped, frame.stamp, frame.at)

    def of_answer(self, frames: Mapping[Stream, Arrived]) -> tuple[Header, int]:
        """Return the header of the answer to some frames, and its stamp in ns, the node's time if zero."""
        if Stream.RGB in frames:
            return frames[Stream.RGB].message.header, frames[Stream.RGB].stamp
        infrared = frames[Stream.IR]
        stamp, is_stamped = self._visible_stamp(infrared)
        seconds, nanoseconds = divmod(stamp if is_stamped else 0, NANOSECONDS)
        frame_id = self._visible.frame_id if self._visible else infrared.message.header.frame_id
        return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id), stamp

    def _visible_stamp(self, infrared: Arrived) -> tuple[int, bool]:
        """Return in ns the stamp that a visible frame of the same moment would have; false if it had none."""
        is_stamped = header_stamp(infrared.message) != 0
        has_clock = is_stamped and self._sync.by == "stamp"  # that compares with the visible camera's
        if self._visible is not None and not has_clock:
            return self._visible.stamp + infrared.at - self._visible.at, self._visible.is_stamped
        offset = 0 if self._sync.by == "arrival" else in_ns(self._sync.offset)
        return max(0, infrared.stamp - offset), is_stamped

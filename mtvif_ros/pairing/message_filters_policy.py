"""Pair two streams with message_filters, for those who need its policies."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Generic, TypeAlias

from mtvif_ros.pairing.stamps import LATEST, NANOSECONDS
from mtvif_ros.pairing.synchronizer import Frame, Pair, Stream, StreamCounts, Synchronizer


class MessageFiltersSynchronizer(Generic[Frame]):
    """Offer message_filters' `approximate` or `exact` policy behind Synchronizer's interface.

    message_filters reports only its pairs. A frame counts as overflowed when a full queue dropped it, as
    unpaired when it waited to the end, as duplicate when its stamp waits already; none counts as late.
    Times are in nanoseconds. Raises ModuleNotFoundError where message_filters is not installed.
    """

    def __init__(self, policy: str, slop: int, queue_size: int = 10, offset: int = 0):
        try:
            from message_filters import ApproximateTimeSynchronizer, SimpleFilter, TimeSynchronizer
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"sync.policy {policy}: needs message_filters, which is not installed; "
                "apt install ros-$ROS_DISTRO-message-filters, or set sync.policy to nearest"
            ) from error
        self._filters = tuple(SimpleFilter() for _ in Stream)
        if policy == "approximate":
            self._policy = ApproximateTimeSynchronizer(self._filters, queue_size, slop / NANOSECONDS)
        else:
            self._policy = TimeSynchronizer(self._filters, queue_size)
        self._policy.registerCallback(self._matched)
        self._counts = tuple(StreamCounts() for _ in Stream)
        self._offset = offset
        self._settled: list[Pair[Frame]] = []

    def set_slop(self, slop: int) -> None:
        """Change the largest distance of a pair."""
        if hasattr(self._policy, "slop"):
            self._policy.slop = type(self._policy.slop)(nanoseconds=slop)

    def counts(self, stream: Stream) -> StreamCounts:
        """Return the counts of one stream; they go on counting."""
        return self._counts[stream]

    def waiting(self, stream: Stream) -> int:
        """Return how many frames of one stream wait for a partner."""
        return len(self._policy.queues[stream])

    def add(self, stream: Stream, stamp: int, frame: Frame, now: int) -> list[Pair[Frame]]:
        """Take a frame and return the pair that it completes."""
        from builtin_interfaces.msg import Time

        # A ROS stamp is neither negative nor far in the future, whatever the offset.
        stamp += max(0, self._offset) if stream is Stream.RGB else max(0, -self._offset)
        stamp %= LATEST * NANOSECONDS
        header = SimpleNamespace(stamp=Time(sec=stamp // NANOSECONDS, nanosec=stamp % NANOSECONDS))
        counts = self._counts[stream]
        counts.duplicate += stamp in self._policy.queues[stream]
        expected = self.waiting(stream) + (stamp not in self._policy.queues[stream])
        self._filters[stream].signalMessage(SimpleNamespace(header=header, stamp=stamp, frame=frame))
        pairs, self._settled = self._settled, []
        counts.overflowed += expected - len(pairs) - self.waiting(stream)
        return pairs

    def poll(self, now: int) -> list[Pair[Frame]]:
        """Return nothing: message_filters pairs only when a frame arrives."""
        return []

    def release(self, stream: Stream) -> list[Frame]:
        """Return the frames of one stream that wait, oldest first; they go alone and wait no longer."""
        queue = self._policy.queues[stream]
        self._counts[stream].alone += len(queue)
        frames = [queue[stamp].frame for stamp in sorted(queue)]
        queue.clear()
        return frames

    def flush(self) -> None:
        """Drop all frames that wait; they count as unpaired."""
        for stream in Stream:
            self._counts[stream].unpaired += self.waiting(stream)
            self._policy.queues[stream].clear()

    def _matched(self, rgb: Any, ir: Any) -> None:
        for counts in self._counts:
            counts.paired += 1
        self._settled.append(Pair(rgb.frame, ir.frame, ir.stamp - rgb.stamp))


AnySynchronizer: TypeAlias = Synchronizer[Frame] | MessageFiltersSynchronizer[Frame]
"""What pairs frames, whatever the policy."""

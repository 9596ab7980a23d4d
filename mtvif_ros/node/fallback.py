"""Go on with one camera when the other is lost."""

from __future__ import annotations

from collections.abc import Mapping

from mtvif_ros.node.parameters import Fallback as Settings
from mtvif_ros.node.sight import LONGEST_PAUSE, Loss, Sight
from mtvif_ros.pairing.stamps import in_ns
from mtvif_ros.pairing.synchronizer import Stream

_MAY_GO: Mapping[str, frozenset[Stream]] = {
    "any": frozenset(Stream),
    "visible": frozenset({Stream.IR}),
    "infrared": frozenset({Stream.RGB}),
    "none": frozenset(),
}


class Fallback:
    """Choose the cameras that an answer rests on, by what a `Sight` tells of them."""

    def __init__(self, sight: Sight, settings: Settings):
        self._sight = sight
        self.adopt(settings)

    def adopt(self, settings: Settings) -> None:
        """Take over new settings."""
        self._may_go, self.after = _MAY_GO[settings.mode], in_ns(settings.after)
        # Where both cameras slow down, neither is lost because it comes a moment after the other.
        self._sight.pause = min(LONGEST_PAUSE, self.after)

    def left_out(self, now: int) -> dict[Stream, Loss]:
        """Return the cameras that answers go without at `now` (monotonic, ns), and why.

        When both are lost, and the mode lets either go, it returns both: there is nothing to answer.
        """
        return _lost({stream: self._sight.loss(stream, now, self.after) for stream in self._may_go})

    def awaited(self, now: int) -> dict[Stream, Loss]:
        """Return the silent and unreadable cameras without which the mode allows no answer at `now`."""
        losses = {stream: self._sight.loss(stream, now, self.after) for stream in Stream}
        return {
            stream: loss
            for stream, loss in _lost(losses).items()
            if loss in ("silent", "unreadable") and stream not in self._may_go
        }

    def blind(self) -> dict[Stream, Loss]:
        """Return the cameras whose last frame an answer goes without, and why."""
        return _lost({stream: self._sight.blind(stream, self.after) for stream in self._may_go})

    def goes_alone(self, stream: Stream, now: int) -> bool:
        """Say whether frames of a camera need not wait for a partner, because the other camera is silent."""
        other = Stream.IR if stream is Stream.RGB else Stream.RGB
        return other in self._may_go and self._sight.loss(other, now, self.after) == "silent"


def _lost(losses: Mapping[Stream, Loss | None]) -> dict[Stream, Loss]:
    return {stream: loss for stream, loss in sorted(losses.items()) if loss is not None}

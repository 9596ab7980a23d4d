"""Keep few pairs on their way to the node."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


class FlowControl:
    """Say when the next frame may go out: while fewer than `ahead` pairs wait for their answers.

    `pairs` are the stamps of both cameras' frames that belong together, `answered` gives how many pairs have
    been answered. A pair whose first frame went out is never held up: the node waits for a partner, but not
    for long. Pairs that stay unanswered for `patience` s are given up, all of them at once: the node may have
    dropped them, and nothing else would ever go out.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[int, int]],
        answered: Callable[[], int],
        ahead: int = 2,
        patience: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._pair_of = [{stamps[camera]: stamps for stamps in pairs} for camera in (0, 1)]
        self._answered, self._ahead, self._patience, self._clock = answered, ahead, patience, clock
        self._begun: dict[tuple[int, int], int] = {}
        self._waiting = 0
        self._seen = answered()
        self._since = clock()

    def released(self, camera: int, stamp: int) -> None:
        """Note that a frame of a camera, 0 visible or 1 infrared, went out."""
        pair = self._pair_of[camera].get(stamp)
        # A partner that its camera has gone past does not come any more.
        self._begun = {
            begun: first for begun, first in self._begun.items() if first == camera or begun[camera] >= stamp
        }
        if pair is None:
            return
        if self._begun.setdefault(pair, camera) != camera:
            del self._begun[pair]
            self._waiting += 1

    def may_go_on(self) -> bool:
        """Say whether the next frame may go out now."""
        answered = self._answered()
        if answered != self._seen:
            self._waiting = max(0, self._waiting - (answered - self._seen))
            self._seen, self._since = answered, self._clock()
        if self._waiting >= self._ahead and self._clock() - self._since > self._patience:
            self._waiting, self._since = 0, self._clock()
        return bool(self._begun) or self._waiting < self._ahead

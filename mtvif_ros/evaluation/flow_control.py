"""Keep few pairs on their way to the node."""

from __future__ import annotations

import time
from collections.abc import Callable


class FlowControl:
    """Say when the next frame may go out: while fewer than `ahead` pairs wait for their answers.

    `answered` gives how many pairs have been answered. Pairs that stay unanswered for `patience` s are given
    up, all of them at once: the node may have dropped them, and nothing else would ever go out.
    """

    def __init__(
        self,
        answered: Callable[[], int],
        ahead: int = 2,
        patience: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._answered, self._ahead, self._patience, self._clock = answered, ahead, patience, clock
        self._waiting = 0
        self._seen = answered()
        self._since = clock()

    def released(self) -> None:
        """Note that a pair went out."""
        self._waiting += 1

    def may_go_on(self) -> bool:
        """Say whether the next frame may go out now."""
        answered = self._answered()
        if answered != self._seen:
            self._waiting = max(0, self._waiting - (answered - self._seen))
            self._seen, self._since = answered, self._clock()
        if self._waiting >= self._ahead and self._clock() - self._since > self._patience:
            self._waiting, self._since = 0, self._clock()
        return self._waiting < self._ahead

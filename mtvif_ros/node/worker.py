"""Work on what comes in, in a thread of its own, and never fall behind for long."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_PATIENCE = 3  # items; at 30 Hz a stall of a tenth of a second costs nothing


class LatestWorker(Generic[Item]):
    """Call `work` with every item while it keeps up, and with the newest only once it does not.

    A short stall leaves a few items waiting, which are worked off in order. When more than three wait,
    the work is too slow for the input: from then on each new item replaces the one waiting, until
    the worker has been idle again. So an overloaded worker always takes the newest item. Replaced
    items are counted in `superseded`. An exception in `work` goes to `failed` and the worker carries on.
    """

    def __init__(self, work: Callable[[Item], None], failed: Callable[[Exception], None], name: str):
        self._work, self._failed = work, failed
        self._wake = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._patience = _PATIENCE
        self._stopping = False
        self.superseded = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item; never blocks for longer than another put."""
        with self._wake:
            self._waiting.append(item)
            if len(self._waiting) > self._patience:
                self._patience = 1
                self.superseded += len(self._waiting) - 1
                self._waiting = deque((item,))
            self._wake.notify()

    def stop(self) -> None:
        """Finish the item at hand, drop those waiting, and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._waiting:
                    self._patience = _PATIENCE
                self._wake.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    self.superseded += len(self._waiting)
                    return
                item = self._waiting.popleft()
            try:
                self._work(item)
            except Exception as error:  # whatever one pair does, the next one is served
                self._failed(error)

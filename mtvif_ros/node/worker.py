"""Do the slow work in a thread of its own, and never fall far behind."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_PATIENCE = 3  # items: at 30 Hz a stall of a tenth of a second costs nothing


class LatestWorker(Generic[Item]):
    """Call `work` with every item while it keeps up, and only with the newest while it does not.

    After a short stall the worker catches up with the few items that wait, in order. When more than three
    wait, the work is too slow for the input: each new item then supersedes the one that waits, until the
    worker has been idle again. So an overloaded worker always takes the newest item. An exception in `work`
    goes to `failed`, and the worker carries on.
    """

    def __init__(self, work: Callable[[Item], None], failed: Callable[[Exception], None], name: str):
        self._work, self._failed = work, failed
        self._changed = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._patience = _PATIENCE
        self._is_busy = self._is_stopping = False
        self.superseded = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item without waiting for the work."""
        with self._changed:
            self._waiting.append(item)
            if len(self._waiting) > self._patience:
                self._patience = 1
                self.superseded += len(self._waiting) - 1
                self._waiting = deque((item,))
            self._changed.notify_all()

    def settle(self) -> None:
        """Drop the items that wait, which count as superseded, and wait for the one at hand to end."""
        with self._changed:
            self.superseded += len(self._waiting)
            self._waiting.clear()
            self._changed.wait_for(lambda: not self._is_busy)

    def stop(self) -> None:
        """Settle and end the thread."""
        self.settle()
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                if not self._waiting:
                    self._patience = _PATIENCE
                self._changed.wait_for(lambda: self._waiting or self._is_stopping)
                if self._is_stopping:
                    return
                item = self._waiting.popleft()
                self._is_busy = True
            try:
                self._work(item)
            except Exception as error:  # whatever one pair does, the next one is served
                self._failed(error)

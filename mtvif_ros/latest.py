"""Work on the newest item only, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWorker(Generic[Item]):
    """Call `work` with the newest item put; items put while it is busy replace each other.

    An exception in `work` goes to `failed` and the worker carries on. `superseded` counts the items
    that were replaced before their turn.
    """

    def __init__(self, work: Callable[[Item], None], failed: Callable[[Exception], None], name: str):
        self._work, self._failed = work, failed
        self._wake = threading.Condition()
        self._item: Item | None = None
        self._stopping = False
        self.superseded = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item; never blocks for longer than another put."""
        with self._wake:
            if self._item is not None:
                self.superseded += 1
            self._item = item
            self._wake.notify()

    def stop(self) -> None:
        """Finish the item at hand, drop the one waiting, and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._item is not None or self._stopping)
                if self._stopping:
                    return
                item, self._item = self._item, None
            assert item is not None
            try:
                self._work(item)
            except Exception as error:  # whatever one pair does, the next one is served
                self._failed(error)

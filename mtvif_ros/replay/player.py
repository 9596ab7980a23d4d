"""Publish a recording over DDS, at its own pace or at the node's."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain

from mtvif_ros.recordings.reader import Record

_READ_AHEAD = 60  # messages, so that a slow disk does not change the pace


def read_ahead(records: Iterator[Record]) -> Iterator[Record]:
    """Yield the records while a thread reads the next ones; what it raises is raised here."""
    waiting: queue.Queue[Record | BaseException | None] = queue.Queue(_READ_AHEAD)

    def read() -> None:
        try:
            for record in records:
                waiting.put(record)
            waiting.put(None)
        except BaseException as error:
            waiting.put(error)

    threading.Thread(target=read, name="bag reader", daemon=True).start()
    while (item := waiting.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item


def play(
    records: Iterator[Record],
    publish: Callable[[Record], None],
    rate: float = 1.0,
    may_go_on: Callable[[], bool] | None = None,
) -> None:
    """Publish every record when its time has come, `rate` times as fast as it was received.

    With `may_go_on` the recorded times do not count: the next record goes out as soon as that is true.
    """
    ahead = read_ahead(records)
    first = next(ahead, None)
    if first is None:
        return
    start = time.monotonic()
    for record in chain((first,), ahead):
        if may_go_on is not None:
            while not may_go_on():
                time.sleep(0.001)
        else:
            due = start + (record.received - first.received) / 1e9 / rate
            delay = due - time.monotonic()
            if delay > 0:
                time.sleep(delay)
        publish(record)

"""Publish a recording over DDS at its recorded pace."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain

from rclpy.publisher import Publisher

from mtvif_ros.bags.reader import Record, stamp_of

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
    publishers: dict[str, Publisher],
    published: Callable[[str, int, float], None],
) -> None:
    """Publish every record when its time has come.

    `published` is called just before with the topic, the stamp in ns and the monotonic time in s.
    """
    ahead = read_ahead(records)
    first = next(ahead, None)
    if first is None:
        return
    start = time.monotonic()
    for record in chain((first,), ahead):
        due = start + (record.received - first.received) / 1e9
        delay = due - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        published(record.topic, stamp_of(record.raw), time.monotonic())
        publishers[record.topic].publish(record.raw)

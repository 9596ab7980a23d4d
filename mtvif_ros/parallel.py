"""Run a function in many processes."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int | None = None
) -> Iterator[Result]:
    """Yield function(item) for all items in order, from one process per core, taking few items ahead.

    Raises BrokenProcessPool if a process dies; multiprocessing's own pool would wait forever.
    """
    count = processes or len(os.sched_getaffinity(0))
    waiting: deque[Future[Result]] = deque()
    # Spawn, because the threads of DDS, torch and OpenCV do not survive a fork.
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=_begin) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to answer
    cv2.setNumThreads(1)

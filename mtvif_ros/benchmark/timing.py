"""Time several functions fairly: interleaved, or all at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from mtvif_ros.progress import tracked

_BURST = 5  # runs in a row before the next function's turn
_WARM_UP = 10
# s; threads of the previous engine may still spin for a while (onnxruntime's do) and take time from the next.
_SETTLE = 0.05


def time_interleaved(runs: Sequence[Callable[[], Any]], count: int) -> list[list[float]]:
    """Run each function at least `count` times after a warm-up and return the seconds of every run.

    The functions take turns in bursts, whose first run does not count.
    """
    for run in runs:
        for _ in range(_WARM_UP):
            run()
    seconds: list[list[float]] = [[] for _ in runs]
    bursts = -(-count // _BURST)
    for _ in tracked(range(bursts), "benchmark", bursts, "burst"):
        for run, taken in zip(runs, seconds):
            time.sleep(_SETTLE)
            run()
            for _ in range(_BURST):
                taken.append(_seconds(run))
    return seconds


def time_streams(runs: Sequence[Callable[[], Any]], count: int) -> tuple[list[float], float]:
    """Run all functions at once, each `count` times in its own thread.

    Returns the seconds of every run and the total number of runs per second.
    """
    for run in runs:
        for _ in range(_WARM_UP):
            run()
    seconds: list[float] = []

    def repeat(run: Callable[[], Any]) -> None:
        seconds.extend([_seconds(run) for _ in range(count)])

    threads = [threading.Thread(target=repeat, args=(run,)) for run in runs]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds, len(seconds) / (time.perf_counter() - start)


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start

"""Time several things so that the machine's moods hit all alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

_BURST = 5  # runs of one before the next one's turn
_WARM_UP = 10
# s; the threads of the engine before go on spinning for a while (onnxruntime's do) and would be timed too.
_SETTLE = 0.05


def time_interleaved(runs: Sequence[Callable[[], Any]], count: int) -> list[list[float]]:
    """Run each function `count` times after a warm-up and return the seconds of every run.

    They take turns in bursts; the first run of a burst does not count.
    """
    for run in runs:
        for _ in range(_WARM_UP):
            run()
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in tqdm(range(-(-count // _BURST)), desc="benchmark", unit="burst"):
        for run, taken in zip(runs, seconds):
            time.sleep(_SETTLE)
            run()
            for _ in range(_BURST):
                taken.append(_seconds(run))
    return seconds


def time_streams(runs: Sequence[Callable[[], Any]], count: int) -> tuple[list[float], float]:
    """Run all functions at once, each `count` times in a thread of its own.

    Returns the seconds of every run and the runs a second of all together.
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

"""Find how large the frames of a model file of open size may be for an engine to keep a rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from mtvif_ros.engines.base import Engine
from mtvif_ros.engines.cache import cache_directory, cached_engine, engine_path
from mtvif_ros.engines.load import load_engine, speed_key
from mtvif_ros.machine import this_machine
from mtvif_ros.size import Size

# Pixels of about 240x320, 288x384, 320x448, 384x512, 416x576, 480x640, 576x768 and 720x960.
BUDGETS = (76_800, 110_592, 143_360, 196_608, 239_616, 307_200, 442_368, 691_200)
_FIRST = 307_200  # two cores of a server keep 30 Hz there
_STRIDE = 32  # px, of the network's coarsest map; another side would be padded to the next multiple
_SHAPE: Size = (1440, 1920)  # of a camera that nobody has seen yet
_WARM_UP, _RUNS = 2, 15


class Fit(NamedTuple):
    """Hold how many pixels a frame may have, and the seconds that each size took that was timed."""

    budget: int
    taken: dict[Size, float]


def fitted_size(camera: Size, budget: int) -> Size:
    """Return the size of about `budget` pixels in about a camera's aspect ratio, no larger than its frames.

    Both sides are multiples of 32, and at least 32.
    """
    scale = min(1.0, math.sqrt(budget / math.prod(camera)))
    heights, widths = (
        {max(1, min(rounded(side * scale / _STRIDE), side // _STRIDE)) for rounded in (math.floor, math.ceil)}
        for side in camera
    )
    sizes = [(height * _STRIDE, width * _STRIDE) for height in sorted(heights) for width in sorted(widths)]
    return min(sizes, key=lambda size: _misfit(size, camera, budget))


def _misfit(size: Size, camera: Size, budget: int) -> float:
    """Weigh how far a size is from a camera's aspect ratio and, half as much, from the budget."""
    (height, width), (camera_height, camera_width) = size, camera
    pixels = min(budget, camera_height * camera_width)
    squeezed = abs(math.log(width * camera_height / (height * camera_width)))
    return squeezed + abs(math.log(height * width / pixels)) / 2


def largest_budget(time_of: Callable[[int], float], limit: float) -> int:
    """Return the largest of BUDGETS whose time is within `limit`, the smallest if none is.

    A pixel costs nearly the same at every size, so the time of one budget tells which to try next: mostly
    two are timed.
    """
    per_pixel = time_of(_FIRST) / _FIRST
    index = sum(per_pixel * budget <= limit for budget in BUDGETS[1:])
    while time_of(BUDGETS[index]) > limit and index:
        index -= 1
    return BUDGETS[index]


def fit(path: Path, limit: float, backend: str = "auto", threads: int = 0, device: str = "") -> Fit:
    """Time a model file of open size on this machine until the largest budget within `limit` s is known.

    The engine cache keeps the times (*.time) of sizes that kept the rate. A size that missed it is timed
    again by the next start: the machine may only have been busy. Raises what load_engine raises.
    """
    taken: dict[Size, float] = {}
    folder = cache_directory()

    def measure(size: Size) -> float:
        return _median_time(load_engine(path, backend, threads, device, size))

    @cache
    def time_of(budget: int) -> float:
        size = timed_size(budget)
        machine = this_machine()
        key = speed_key(path, backend, threads, device, size)
        key |= {
            "processor": machine.processor,
            "instructions": machine.instructions,
            "cores": str(machine.cores),
        }
        taken[size] = float(cached_engine(folder, key, lambda: repr(measure(size)).encode(), ".time"))
        if taken[size] > limit and folder is not None:
            with suppress(OSError):  # not there, or the folder is not writable
                engine_path(folder, key, ".time").unlink()
        return taken[size]

    return Fit(largest_budget(time_of, limit), dict(sorted(taken.items())))


def timed_size(budget: int) -> Size:
    """Return the size that stands for a budget, whatever the camera."""
    return fitted_size(_SHAPE, budget)


def _median_time(engine: Engine) -> float:
    rgb, ir = np.zeros((*engine.size, 3), np.uint8), np.zeros(engine.size, np.uint8)
    taken = []
    for _ in range(_WARM_UP + _RUNS):
        start = time.perf_counter()
        engine.infer(rgb, ir)
        taken.append(time.perf_counter() - start)
    return median(taken[_WARM_UP:])

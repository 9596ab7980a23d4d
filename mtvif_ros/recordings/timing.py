"""Simulate when two cameras take their frames: on time, early, late or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mtvif_ros.pairing.stamps import LATEST, in_ns


@dataclass(frozen=True)
class Timing:
    """Describe the timing of two cameras.

    rate: frames per second. jitter: standard deviation of each stamp in s, cut off at three times its value.
    dropped: share of frames that each camera drops, 0..1. offset: infrared minus visible clock in s.
    start: first stamp in s. Raises ValueError for impossible values.
    """

    rate: float = 30.0
    jitter: float = 0.0
    dropped: float = 0.0
    offset: float = 0.0
    start: float = 1_700_000_000.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"rate: {self.rate} is not above 0")
        if not 0 <= self.start + self.offset < LATEST:
            raise ValueError(f"offset: {self.offset} s makes stamps that a message cannot hold")
        if not 0 <= self.dropped < 1:
            raise ValueError(f"dropped: {self.dropped} is not within 0 .. 1")
        if not 0 <= self.jitter * self.rate <= 1 / 6:
            # Beyond this, neighbouring frames could swap.
            raise ValueError(f"jitter: {self.jitter} s is not within 0 .. {1 / 6 / self.rate:.4f} s")


class Shot(NamedTuple):
    """Hold when a frame arrived and its stamp, both in ns."""

    received: int
    stamp: int


class Moment(NamedTuple):
    """Hold the visible and the infrared shot of one frame, None for a camera that dropped it."""

    rgb: Shot | None
    ir: Shot | None


def moments(timing: Timing) -> Iterator[Moment]:
    """Yield the moments of frames 0, 1, 2, … without end. The same seed gives the same moments.

    Raises ValueError for a frame so late that no stamp could say it.
    """
    rng = np.random.default_rng(timing.seed)
    index = 0
    while True:
        nominal = timing.start + index / timing.rate
        if nominal + max(0.0, timing.offset) + 1 >= LATEST:
            raise ValueError(f"rate: {timing.rate:g} Hz makes stamps that a message cannot hold")
        spread = np.clip(rng.standard_normal(2), -3, 3) * timing.jitter
        kept = rng.random(2) >= timing.dropped
        shots = []
        for camera, clock in enumerate((0.0, timing.offset)):
            received = in_ns(nominal) + in_ns(float(spread[camera]))
            shots.append(Shot(received, received + in_ns(clock)) if kept[camera] else None)
        yield Moment(*shots)
        index += 1

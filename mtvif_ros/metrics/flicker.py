"""Compare the flicker of fused frames with that of the per-pixel maximum."""

from __future__ import annotations

import numpy as np

from mtvif_ros.metrics.baselines import BASELINES
from mtvif_ros.metrics.fusion import Plane


class FlickerMeter:
    """Sum how much the fused luma and the maximum of both inputs change from frame to frame.

    A step counts if both inputs changed: a camera that repeats a frame would hide flicker.
    """

    def __init__(self) -> None:
        self._before: tuple[Plane, Plane, Plane] | None = None
        self._fused = self._max = 0.0

    def add(self, visible: Plane, infrared: Plane, fused: Plane, follows: bool = True) -> None:
        """Take the next frame as planes (H, W) of grey levels.

        The step from the last frame counts if this one `follows` it as its neighbour and has its size.
        """
        before, self._before = self._before, (visible, infrared, fused)
        if before is None or not follows or before[0].shape != visible.shape:
            return
        if np.array_equal(before[0], visible) or np.array_equal(before[1], infrared):
            return
        largest = BASELINES["max"]
        self._fused += _change(before[2], fused)
        self._max += _change(largest(before[0], before[1]), largest(visible, infrared))

    def ratio(self) -> float | None:
        """Return the change of the fused frames over that of the maximum, None unless the maximum changed."""
        return self._fused / self._max if self._max else None


def flicker_sentence(ratio: float | None) -> str:
    """Return the ratio in words."""
    if ratio is None:
        return "flicker: not measured; it takes neighbouring pairs whose frames are both new"
    return f"flicker: {ratio:.2f} times max's"


def _change(before: Plane, after: Plane) -> float:
    return float(np.abs(after - before).mean())

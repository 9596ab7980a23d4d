"""Measure how much fused images and masks change from one pair to the next."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.metrics.fusion import luma
from mtvif_ros.metrics.pair import AnsweredPair

_HALF = 2  # optical flow runs at half size
_LEAST = 32  # px, below which OpenCV's flow fails or ends the process


class Steadiness(NamedTuple):
    """Hold the change since the previous pair.

    flicker: mean change of the fused luma, divided by the larger of the inputs' mean changes; above 1, fusion
    adds flicker. changed: share of pixels whose class changed, 0..1. unexplained: the share that differs even
    after the old mask moves with the optical flow of the fused image.
    """

    flicker: float
    changed: float
    unexplained: float


class SteadinessMeter:
    """Compare each pair with the previous one."""

    def __init__(self) -> None:
        self._before: AnsweredPair | None = None
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, shown: AnsweredPair, follows: bool = True) -> Steadiness | None:
        """Return the change since the previous call's pair if this one `follows` it as its neighbour.

        None otherwise, for the first pair, and after a change of size.
        """
        before, self._before = self._before, shown
        if before is None or not follows or before.mask.shape != shown.mask.shape:
            return None
        fused = _mean_change(luma(before.fused), luma(shown.fused))
        light = _mean_change(luma(before.rgb), luma(shown.rgb))
        heat = _mean_change(before.ir, shown.ir)
        return Steadiness(
            fused / max(light, heat, 1e-3),
            float((before.mask != shown.mask).mean()),
            self._unexplained(before, shown),
        )

    def _unexplained(self, before: AnsweredPair, shown: AnsweredPair) -> float:
        height, width = (max(_LEAST, side // _HALF) for side in shown.mask.shape)
        new, old = (
            cv2.resize(
                cv2.cvtColor(s.fused, cv2.COLOR_RGB2GRAY), (width, height), interpolation=cv2.INTER_AREA
            )
            for s in (shown, before)
        )
        flow = self._flow.calc(new, old, None)  # type: ignore[call-overload]
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        mask, moved_from = (
            cv2.resize(s.mask, (width, height), interpolation=cv2.INTER_NEAREST) for s in (shown, before)
        )
        moved = cv2.remap(
            moved_from,
            columns + flow[..., 0],
            rows + flow[..., 1],
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return float((moved != mask).mean())


def _mean_change(before: npt.NDArray[np.generic], after: npt.NDArray[np.generic]) -> float:
    return float(np.abs(after.astype(np.float32) - before.astype(np.float32)).mean())

"""Measure how far infrared lies off the visible picture, several times in a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mtvif_ros.calibration.align import FEWEST_CELLS, AlignmentError, GreyPair, fit_correction, match_places
from mtvif_ros.image import AnyImage
from mtvif_ros.imaging.registration import Warp
from mtvif_ros.imaging.resize import WidthHeight, scaled

_WIDTH = 640  # px; of larger frames a copy of this width is compared
_SEARCH = 24  # px, of that copy
_CHANCE = 2.0  # times the root of the number of matched places; of unrelated pictures up to 1.5 agree


class Shift(NamedTuple):
    """Hold by how many visible px infrared must move right and down, the median of `places` places."""

    right: float
    down: float
    places: int

    def distance(self, other: tuple[float, float] = (0.0, 0.0)) -> float:
        """Return the distance in px from another shift, by default from zero."""
        return float(np.hypot(self.right - other[0], self.down - other[1]))


def measure_shift(pairs: Sequence[GreyPair], warp: Warp) -> Shift:
    """Measure the shift that `warp` leaves in visible (H, W) and infrared (h, w) grey frames, uint8.

    Raises AlignmentError if too few places show the same edges in both, or contradict each other.
    """
    height, width = pairs[0][0].shape
    factor = max(1.0, width / _WIDTH)
    size = (round(width / factor), round(height / factor))
    alike = [
        (rgb, ir) for rgb, ir in pairs if (rgb.shape, ir.shape) == (pairs[0][0].shape, pairs[0][1].shape)
    ]

    def laid(ir: AnyImage, _: WidthHeight, onto: WidthHeight) -> AnyImage:
        return warp(ir, (width, height), onto)

    places, shifts, _ = match_places([(scaled(rgb, size), ir) for rgb, ir in alike], laid, _SEARCH)
    if len(places) < FEWEST_CELLS:
        raise AlignmentError(
            f"only {len(places)} places show the same edges in both cameras within "
            f"{_SEARCH * factor:.0f} px, but {FEWEST_CELLS} are needed"
        )
    _, agreeing = fit_correction(places, shifts)
    if np.count_nonzero(agreeing) < _CHANCE * np.sqrt(len(places)):
        raise AlignmentError(f"the shifts of the {len(places)} matched places contradict each other")
    right, down = (float(value) * factor for value in np.median(shifts, axis=0))
    return Shift(right, down, len(places))

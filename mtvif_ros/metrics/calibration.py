"""Say how far a mask's confidence can be believed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import IGNORE
from mtvif_ros.image import Image

LEVELS = 256  # of confidence, 0..255

Counts = npt.NDArray[np.int64]


def count_by_confidence(labels: Image, mask: Image, confidence: Image, ignore: int = IGNORE) -> Counts:
    """Count pixels by [whether the mask is right, level of confidence] in an int64 matrix (2, 256).

    All three are (H, W) uint8. Pixels with the label `ignore` do not count.
    """
    known = labels != ignore
    index = (labels[known] == mask[known]).astype(np.int64) * LEVELS + confidence[known]
    return np.bincount(index, minlength=2 * LEVELS).reshape(2, LEVELS)


def calibration_error(counts: Counts, bins: int = 15) -> float:
    """Return the expected calibration error in 0..1 of counts by confidence, NaN without pixels.

    ECE, Guo et al., On Calibration of Modern Neural Networks, ICML 2017: the mean, over equally wide bins of
    confidence weighted by their pixels, of the distance between mean confidence and share of right pixels.
    """
    levels = np.arange(LEVELS) / (LEVELS - 1)
    of_bin = np.minimum((levels * bins).astype(int), bins - 1)
    pixels = counts.sum(0)
    distances = np.bincount(of_bin, weights=counts[1] - levels * pixels, minlength=bins)
    return float(np.abs(distances).sum() / pixels.sum()) if pixels.any() else float("nan")

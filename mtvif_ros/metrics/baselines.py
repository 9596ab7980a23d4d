"""Name the simple fusions that a network has to beat, once for every table that shows them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mtvif_ros.metrics.fusion import Plane

BASELINES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "max": np.maximum,
    "average": lambda visible, infrared: (visible + infrared) / 2,
    "visible only": lambda visible, infrared: visible,
}
"""By name: a function of the visible luma and the infrared plane, (H, W) in 0..255, to the fused plane."""

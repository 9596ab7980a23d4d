"""Fuse two planes by a formula: the baselines that every model is compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.scoring.pairs import Plane

BASELINES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "max": np.maximum,
    "average": lambda visible, infrared: (visible + infrared) / 2,
    "visible only": lambda visible, infrared: visible,
}

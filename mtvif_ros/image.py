"""Name what an image is in this package, and what can be wrong with one."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
"""Pixels of 8 bits: (H, W, 3) in the order R, G, B, or (H, W) for grey levels and class indices."""

AnyImage: TypeAlias = npt.NDArray[Any]
"""Pixels of any depth, in the same shapes."""


class ImageFormatError(ValueError):
    """Say what is wrong with an image message."""

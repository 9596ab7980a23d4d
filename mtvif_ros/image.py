"""Define what an image is in this package."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
"""8-bit pixels: (H, W, 3) R G B, or (H, W) for grey levels and class indices."""

AnyImage: TypeAlias = npt.NDArray[Any]
"""Pixels of any depth in the same shapes."""


class ImageFormatError(ValueError):
    """Say what is wrong with an image message."""

"""Say what every engine can do."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.model_file import ModelFile


class EngineError(RuntimeError):
    """Say which backend cannot be used, why, and what to install or choose instead."""


class Engine(Protocol):
    """Run one model file. An engine belongs to one thread at a time."""

    model: ModelFile
    description: str
    """Backend, version and device, for logs and reports."""

    def infer(self, rgb: Image, ir: Image) -> tuple[Image, Image]:
        """Fuse and segment one pair.

        `rgb` is (H, W, 3) and `ir` (H, W), uint8, C-contiguous, of the model's size. Returns `fused`
        (H, W, 3) and `segmentation` (H, W), uint8, which stay valid until the next call. Raises
        ValueError for other shapes.
        """
        ...


def check_frames(model: ModelFile, rgb: Image, ir: Image) -> None:
    """Raise ValueError unless both frames have the model's size and layout."""
    size = (model.height, model.width)
    for name, image, expected in (("rgb", rgb, (*size, 3)), ("ir", ir, size)):
        if image.shape != expected or image.dtype != np.uint8 or not image.flags.c_contiguous:
            raise ValueError(
                f"{name}: got {image.dtype} {image.shape}, "
                f"the model {model.path.name} takes contiguous uint8 {expected}"
            )

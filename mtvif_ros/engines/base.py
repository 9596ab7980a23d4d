"""Define what every engine does."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from mtvif_ros.command_line import UserError
from mtvif_ros.image import Image
from mtvif_ros.model_file import ModelFile
from mtvif_ros.size import Size


class EngineError(UserError):
    """Say which backend cannot run, why, and what to install or choose instead."""


class Inference(NamedTuple):
    """Hold what a model gives for one pair, uint8: `fused` (H, W, 3), `mask` and `confidence` (H, W).

    Confidence is 255 where the class is certain; None where the file or the engine does without.
    """

    fused: Image
    mask: Image
    confidence: Image | None = None


class Engine(Protocol):
    """Run one model file. Only one thread at a time may use an engine."""

    model: ModelFile
    size: Size
    """Height and width of the frames."""
    description: str
    """Backend, version and device, for logs and reports."""
    gives_confidence: bool

    def infer(self, rgb: Image, ir: Image) -> Inference:
        """Fuse and segment one pair.

        `rgb` (H, W, 3) and `ir` (H, W) are uint8, C-contiguous and of the engine's size. The images returned
        may live in buffers that the next call overwrites. Raises ValueError for any other frame.
        """
        ...


def check_frames(engine: Engine, rgb: Image, ir: Image) -> None:
    """Raise ValueError unless both frames are as Engine.infer wants them."""
    size = engine.size
    for name, image, expected in (("rgb", rgb, (*size, 3)), ("ir", ir, size)):
        if image.shape != expected or image.dtype != np.uint8 or not image.flags.c_contiguous:
            raise ValueError(
                f"{name}: got {image.dtype} {image.shape}, "
                f"but {engine.model.path.name} takes contiguous uint8 {expected}"
            )

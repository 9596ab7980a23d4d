"""Turn one pair of camera images into a fused image and a mask of the visible frame's size."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.engines import Engine

Image = npt.NDArray[np.uint8]


def fuse_pair(engine: Engine, rgb: Image, ir: Image) -> tuple[Image, Image]:
    """Return `fused` (H, W, 3) and `segmentation` (H, W) for `rgb` (H, W, 3) and `ir` of any size.

    Frames of another size than the model's are scaled to it, the results back to (H, W). The results
    stay valid until the engine's next call.
    """
    model_size = (engine.model.width, engine.model.height)
    size = (rgb.shape[1], rgb.shape[0])
    fused, mask = engine.infer(scaled(rgb, model_size), scaled(ir, model_size))
    if size == model_size:
        return fused, mask
    full_mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    return scaled(fused, size), np.asarray(full_mask, np.uint8)


def scaled(image: Image, size: tuple[int, int]) -> Image:
    """Return the image at `size` (width, height), itself where it has it already."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return np.ascontiguousarray(image)
    shrinks = size[0] < width or size[1] < height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)

"""Fuse and segment one pair of camera images at the size of the visible one."""

from __future__ import annotations

import cv2
import numpy as np

from mtvif_ros.engines import Engine
from mtvif_ros.image import Image
from mtvif_ros.imaging.detail import at_camera_size
from mtvif_ros.imaging.registration import Registration
from mtvif_ros.imaging.resize import scaled

_ALIGNED = Registration()


def fuse_pair(
    engine: Engine, rgb: Image, ir: Image, registration: Registration = _ALIGNED
) -> tuple[Image, Image]:
    """Return `fused` (H, W, 3) and `segmentation` (H, W) for `rgb` (H, W, 3) and `ir` of any size.

    `registration` warps infrared onto the visible grid. Frames of another size than the model's are scaled to
    it and the results back to (H, W); the fused image then keeps the detail of both frames. All images are
    uint8. The results may live in buffers that the engine's next call overwrites.
    """
    model_size = (engine.model.width, engine.model.height)
    size = (rgb.shape[1], rgb.shape[0])
    seen_rgb, seen_ir = scaled(rgb, model_size), registration(ir, size, model_size)
    fused, mask = engine.infer(seen_rgb, seen_ir)
    if size == model_size:
        return fused, mask
    # INTER_NEAREST would shift the mask half a pixel to the right and down.
    full_mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
    # An infrared camera with no more pixels than the model has no further detail to show.
    is_coarse = all(own <= seen <= shown for own, seen, shown in zip(ir.shape, mask.shape, rgb.shape))
    full_ir = None if is_coarse else registration(ir, size, size)
    fused = at_camera_size(fused, seen_rgb, seen_ir, rgb, full_ir)
    return fused, np.asarray(full_mask, np.uint8)

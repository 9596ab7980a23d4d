"""Fuse and segment one pair of camera images at the size of the visible one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.engines import Engine, Inference, load_engine
from mtvif_ros.image import Image
from mtvif_ros.imaging.detail import at_camera_size
from mtvif_ros.imaging.registration import Registration, Warp
from mtvif_ros.imaging.resize import WidthHeight, scaled
from mtvif_ros.model_file import read_model_file
from mtvif_ros.pairing.synchronizer import Stream
from mtvif_ros.size import Size

_ALIGNED = Registration()
_KEPT = 4  # engines, for folders with frames of several sizes


def fuse_pair(engine: Engine, rgb: Image, ir: Image, registration: Warp = _ALIGNED) -> Inference:
    """Fuse and segment `rgb` (H, W, 3) and `ir` (h, w) of any size, at the size of `rgb`.

    `registration` warps infrared onto the visible grid. Frames of another size than the engine's are scaled
    to it and the results back to (H, W); the fused image then keeps the detail of both frames. All images are
    uint8. The results may live in buffers that the engine's next call overwrites.
    """
    model_size = engine.size[::-1]
    size = (rgb.shape[1], rgb.shape[0])
    seen_rgb, seen_ir = scaled(rgb, model_size), registration(ir, size, model_size)
    seen = engine.infer(seen_rgb, seen_ir)
    if size == model_size:
        return seen
    # An infrared camera with no more pixels than the model has no further detail to show.
    is_coarse = all(own <= seen <= shown for own, seen, shown in zip(ir.shape, engine.size, rgb.shape))
    full_ir = None if is_coarse else registration(ir, size, size)
    ir_size = ir.shape[1], ir.shape[0]
    return Inference(
        at_camera_size(seen.fused, seen_rgb, seen_ir, rgb, full_ir, ir_size),
        _enlarged(seen.mask, size),
        None if seen.confidence is None else _enlarged(seen.confidence, size),
    )


def _enlarged(decisions: Image, size: WidthHeight) -> Image:
    # INTER_NEAREST would shift them half a pixel to the right and down.
    return np.asarray(cv2.resize(decisions, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def segment_alone(
    engine: Engine, stream: Stream, picture: Image, size: Size | None = None, registration: Warp = _ALIGNED
) -> Inference:
    """Return one camera's picture, and the mask that the network gives it without the other camera.

    `picture` is the visible frame (H, W, 3) or the infrared one (h, w), as `stream` says. Infrared comes out
    grey, warped onto the visible grid of `size` (H, W), by default its own size. The network, which has
    learnt to do without either camera, sees black in place of the other. All images are uint8; mask and
    confidence may live in buffers that the engine's next call overwrites.
    """
    height, width = engine.size
    if stream is Stream.RGB:
        shown, out = picture, (picture.shape[1], picture.shape[0])
        seen = engine.infer(scaled(picture, (width, height)), np.zeros((height, width), np.uint8))
    else:
        out = (size or (picture.shape[0], picture.shape[1]))[::-1]
        warped = registration(picture, out, out)
        shown = np.asarray(cv2.cvtColor(warped, cv2.COLOR_GRAY2RGB), np.uint8)
        ir = warped if out == (width, height) else registration(picture, out, (width, height))
        seen = engine.infer(np.zeros((height, width, 3), np.uint8), ir)
    if out == (width, height):
        return seen._replace(fused=shown)
    confidence = None if seen.confidence is None else _enlarged(seen.confidence, out)
    return Inference(shown, _enlarged(seen.mask, out), confidence)


class Fuser:
    """Fuse pairs of any size with one model file, outside the node.

    A file of open size computes at `size`, or by default at that of each visible frame; a fixed file at its
    own. `confidence` asks for it where the file has it. Raises what load_engine raises.
    """

    def __init__(self, path: Path, backend: str = "auto", size: Size | None = None, confidence: bool = False):
        model = read_model_file(path)
        self._size = model.size_for(size) if size or model.size else None
        self._engine = lru_cache(_KEPT)(
            lambda size: load_engine(path, backend, size=size, confidence=confidence)
        )
        self.name = path.name
        self.classes, self.colours = model.classes, model.colours
        self.description = ""  # that of the engine, once it has run

    def __call__(self, rgb: Image, ir: Image) -> Inference:
        """Fuse one pair as fuse_pair does, with infrared aligned already."""
        return fuse_pair(self._made(rgb), rgb, ir)

    def alone(self, stream: Stream, picture: Image) -> Inference:
        """Segment the picture of one camera as segment_alone does."""
        return segment_alone(self._made(picture), stream, picture)

    def _made(self, picture: Image) -> Engine:
        engine = self._engine(self._size or picture.shape[:2])
        self.description = engine.description
        return engine

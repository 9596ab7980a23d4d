"""Enlarge a fused image from the model's size to the camera's, with detail that the model did not see."""

from __future__ import annotations

import cv2
import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.imaging.resize import scaled


def at_camera_size(
    fused: Image,
    seen_rgb: Image,
    seen_ir: Image,
    rgb: Image,
    ir: Image | None,
    ir_size: tuple[int, int] | None = None,
) -> Image:
    """Return the fused image (H, W, 3) of `rgb` (H, W, 3) and `ir` (H, W), uint8.

    `fused` (h, w, 3) is the model's result for `seen_rgb` (h, w, 3) and `seen_ir` (h, w), the same frames at
    the model's size. `ir` is None if it has no detail beyond `seen_ir`; its camera has `ir_size` (width,
    height), by default that of `rgb`. With y the BT.601 luma, `up` scaling to (H, W), and detail(x) what x
    has beyond what the model saw and up to the infrared camera's size:

        change = y(fused) - y(seen_rgb)
        shown = change / (seen_ir - y(seen_rgb)), limited to 0..1, and 0 where infrared is not brighter
        result = rgb + up(change) + up(shown) * (detail(ir) - detail(y(rgb)))

    As far as the model shows infrared, the detail of infrared replaces the visible one, as it does at the
    model's own size; the noise of both would add up. Finer visible detail stays. Pansharpening injects detail
    in the same way (Aiazzi, Alparone, Baronti and Garzelli, IEEE TGRS 40(10), 2002).
    """
    size = (rgb.shape[1], rgb.shape[0])
    luma = _luma(seen_rgb)
    brightened, darkened = _halves(_luma(fused), luma)
    gain, loss = scaled(brightened, size), scaled(darkened, size)
    if ir is not None:
        shown = scaled(_image(cv2.divide(brightened, cv2.subtract(seen_ir, luma), scale=255)), size)
        ir_above, ir_below = _halves(ir, scaled(seen_ir, size))
        width, height = ir_size or size
        as_fine = scaled(_luma(rgb), (min(width, size[0]), min(height, size[1])))
        rgb_above, rgb_below = _halves(scaled(as_fine, size), scaled(luma, size))
        gain = _image(cv2.add(gain, cv2.multiply(cv2.add(ir_above, rgb_below), shown, scale=1 / 255)))
        loss = _image(cv2.add(loss, cv2.multiply(cv2.add(ir_below, rgb_above), shown, scale=1 / 255)))
    above, below = _halves(gain, loss)
    return _image(cv2.subtract(cv2.add(rgb, _grey(above)), _grey(below)))


def _halves(image: Image, other: Image) -> tuple[Image, Image]:
    """Return how far an image is above another, and below it.

    Two saturated differences of bytes are many times faster than one signed difference.
    """
    return _image(cv2.subtract(image, other)), _image(cv2.subtract(other, image))


def _luma(rgb: Image) -> Image:
    return _image(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def _grey(plane: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB)


def _image(array: cv2.typing.MatLike) -> Image:
    return np.asarray(array, np.uint8)

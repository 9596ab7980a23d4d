"""Bring a fused image from the model's size to its camera's, with the detail that the model did not see."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.scaling import scaled

Image = npt.NDArray[np.uint8]


def at_camera_size(fused: Image, seen_rgb: Image, seen_ir: Image, rgb: Image, ir: Image) -> Image:
    """Return the fused image (H, W, 3) of `rgb` (H, W, 3) and `ir` (H, W), uint8.

    `fused` (h, w, 3) is what the model made of `seen_rgb` (h, w, 3) and `seen_ir` (h, w), the same frames
    at its own size. Only what it adds to their plain maximum is scaled, with y the BT.601 luma:

        rgb + max(0, ir - scaled(y(seen_rgb))) + scaled(y(fused) - max(y(seen_rgb), seen_ir))

    So visible detail stays as it is, and infrared's own comes where infrared is the brighter. This is how
    pansharpening injects detail: Aiazzi, Alparone, Baronti and Garzelli, IEEE TGRS 40(10), 2002.
    """
    size = (rgb.shape[1], rgb.shape[0])
    seen_luma, fused_luma = _luma(seen_rgb), _luma(fused)
    brighter = cv2.max(seen_luma, seen_ir)
    # Differences in two halves, each of bytes that stop at 0: many times as fast as signed ones.
    more = scaled(_image(cv2.subtract(fused_luma, brighter)), size)
    less = scaled(_image(cv2.subtract(brighter, fused_luma)), size)
    gain = cv2.add(cv2.subtract(ir, scaled(seen_luma, size)), more)
    brightened = cv2.add(rgb, _grey(cv2.subtract(gain, less)))
    return _image(cv2.subtract(brightened, _grey(cv2.subtract(less, gain))))


def _luma(rgb: Image) -> Image:
    return _image(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def _grey(plane: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB)


def _image(array: cv2.typing.MatLike) -> Image:
    return np.asarray(array, np.uint8)

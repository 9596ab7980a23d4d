"""Read and write sensor_msgs/CompressedImage as image_transport's `compressed` plugin does: jpeg and png."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mtvif_ros.image import AnyImage, Image, ImageFormatError

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage
    from std_msgs.msg import Header


_JPEG_QUALITY = 90
_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
_TO_GREY = {3: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGRA2GRAY}


def decode_rgb(message: CompressedImage) -> Image:
    """Return the picture as (H, W, 3) uint8, R G B. Raises ImageFormatError for what is no 8-bit picture."""
    pixels = _decode(message)
    if pixels.dtype != np.uint8:
        raise ImageFormatError(
            f"format {message.format!r}: {pixels.dtype} is for infrared, visible needs 8 bit"
        )
    return np.asarray(cv2.cvtColor(pixels, _TO_RGB[_channels(pixels)]), np.uint8)


def decode_grey(message: CompressedImage) -> AnyImage:
    """Return the picture as (H, W) grey, uint8 or uint16. Raises ImageFormatError for what is no picture."""
    pixels = _decode(message)
    channels = _channels(pixels)
    return pixels if channels == 1 else np.asarray(cv2.cvtColor(pixels, _TO_GREY[channels]))


def has_colours(message: CompressedImage) -> bool:
    """Say whether the picture has colour channels. Raises ImageFormatError for what is no picture."""
    return _channels(_decode(message)) > 1


def write_compressed(pixels: Image, kind: str, header: Header) -> CompressedImage:
    """Return a message with (H, W, 3) R G B or (H, W) pixels as `jpeg` (quality 90) or `png` (lossless)."""
    from sensor_msgs.msg import CompressedImage

    if pixels.ndim == 3:
        stored, encoding, inner = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), "rgb8", "bgr8"
    else:
        stored, encoding, inner = pixels, "mono8", ""
    flags = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if kind == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    _, encoded = cv2.imencode(f".{kind}", stored, flags)
    message = CompressedImage(header=header, format=f"{encoding}; {kind} compressed {inner}".rstrip())
    data = array.array("B")
    data.frombytes(encoded.data)
    message.data = data
    return message


def _decode(message: CompressedImage) -> AnyImage:
    if "compressedDepth" in message.format:
        raise ImageFormatError(f"format {message.format!r} is not supported; send jpeg or png")
    data = np.frombuffer(message.data, np.uint8)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error as error:  # a header that claims more pixels than OpenCV would ever allocate
        raise ImageFormatError(f"format {message.format!r}: {error.err}") from error
    if pixels is None:
        raise ImageFormatError(
            f"format {message.format!r}: {data.size} bytes are no picture that OpenCV can decode; "
            "send jpeg or png"
        )
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageFormatError(f"format {message.format!r}: {pixels.dtype} values are not supported")
    return np.asarray(pixels)


def _channels(pixels: AnyImage) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])

"""Read and write sensor_msgs/Image and CompressedImage as numpy arrays.

cv_bridge, if installed, reads the encodings that LAYOUTS lacks. Compressed images are jpeg or png, as
image_transport's `compressed` plugin sends them.
"""

from __future__ import annotations

import array
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from mtvif_ros.image import AnyImage, Image, ImageFormatError

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage
    from sensor_msgs.msg import Image as ImageMessage
    from std_msgs.msg import Header
    from typing_extensions import TypeIs


class _Layout(NamedTuple):
    """Describe an encoding: values per pixel, bytes per value and rows in memory per row of pixels."""

    channels: int
    to_rgb: int | None
    to_grey: int
    depth: int = 1
    rows: Fraction = Fraction(1)
    even: tuple[int, int] = (1, 1)
    """Height and width must be multiples of these."""


_SAME = -1
# Each encoding with OpenCV's codes for the conversion to R G B and to grey; _SAME needs none, and None says
# that infrared has no colours.
LAYOUTS = {
    "rgb8": _Layout(3, _SAME, cv2.COLOR_RGB2GRAY),
    "bgr8": _Layout(3, cv2.COLOR_BGR2RGB, cv2.COLOR_BGR2GRAY),
    "8UC3": _Layout(3, cv2.COLOR_BGR2RGB, cv2.COLOR_BGR2GRAY),
    "rgba8": _Layout(4, cv2.COLOR_RGBA2RGB, cv2.COLOR_RGBA2GRAY),
    "bgra8": _Layout(4, cv2.COLOR_BGRA2RGB, cv2.COLOR_BGRA2GRAY),
    "mono8": _Layout(1, cv2.COLOR_GRAY2RGB, _SAME),
    "8UC1": _Layout(1, cv2.COLOR_GRAY2RGB, _SAME),
    "mono16": _Layout(1, None, _SAME, depth=2),
    "16UC1": _Layout(1, None, _SAME, depth=2),
    # OpenCV names a Bayer pattern by its second row and column, ROS by its first.
    "bayer_rggb8": _Layout(1, cv2.COLOR_BayerBG2RGB, cv2.COLOR_BayerBG2GRAY, even=(2, 2)),
    "bayer_bggr8": _Layout(1, cv2.COLOR_BayerRG2RGB, cv2.COLOR_BayerRG2GRAY, even=(2, 2)),
    "bayer_gbrg8": _Layout(1, cv2.COLOR_BayerGR2RGB, cv2.COLOR_BayerGR2GRAY, even=(2, 2)),
    "bayer_grbg8": _Layout(1, cv2.COLOR_BayerGB2RGB, cv2.COLOR_BayerGB2GRAY, even=(2, 2)),
    "yuv422": _Layout(2, cv2.COLOR_YUV2RGB_UYVY, cv2.COLOR_YUV2GRAY_UYVY, even=(1, 2)),
    "yuv422_yuy2": _Layout(2, cv2.COLOR_YUV2RGB_YUY2, cv2.COLOR_YUV2GRAY_YUY2, even=(1, 2)),
    "nv12": _Layout(1, cv2.COLOR_YUV2RGB_NV12, cv2.COLOR_YUV2GRAY_NV12, rows=Fraction(3, 2), even=(2, 2)),
}
_JPEG_QUALITY = 90
# How OpenCV decodes a compressed image, by its number of channels.
_STORED_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
_STORED_TO_GREY = {3: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGRA2GRAY}


def read_rgb(message: ImageMessage | CompressedImage) -> Image:
    """Return the message as (H, W, 3) uint8, R G B; an rgb8 image shares the message's memory.

    Raises ImageFormatError for an unknown encoding, a 16-bit image, contradictory sizes and undecodable data.
    """
    if _is_compressed(message):
        return _decode_rgb(message)
    if message.encoding not in LAYOUTS:
        return np.asarray(_by_cv_bridge(message, "rgb8"), np.uint8)
    pixels, layout = _read(message)
    if layout.to_rgb is None:
        raise ImageFormatError(
            f"encoding {message.encoding!r} is for infrared; a visible image needs one of "
            + ", ".join(name for name, known in LAYOUTS.items() if known.to_rgb is not None)
        )
    return np.asarray(_converted(pixels, layout.to_rgb), np.uint8)


def read_grey(message: ImageMessage | CompressedImage) -> AnyImage:
    """Return the message as (H, W) grey, uint8 or, for 16-bit encodings, uint16.

    A mono8 image shares the message's memory, and so does a 16-bit image in this machine's byte order.
    Raises ImageFormatError for an unknown encoding, contradictory sizes and undecodable data.
    """
    if _is_compressed(message):
        pixels = _decode(message)
        channels = _channels(pixels)
        return pixels if channels == 1 else np.asarray(cv2.cvtColor(pixels, _STORED_TO_GREY[channels]))
    if message.encoding not in LAYOUTS:
        return _by_cv_bridge(message, "mono16" if "16" in message.encoding else "mono8")
    pixels, layout = _read(message)
    return _converted(pixels, layout.to_grey)


def write_image(pixels: Image, encoding: str, header: Header) -> ImageMessage:
    """Return a message with a copy of the pixels, (H, W, 3) for rgb8 and (H, W) for mono8."""
    from sensor_msgs.msg import Image as ImageMessage

    message = ImageMessage()
    message.header = header
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.step = pixels[0].nbytes
    message.data = _message_data(np.ascontiguousarray(pixels).data.cast("B"))
    return message


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
    message.data = _message_data(encoded.data)
    return message


def has_colours(message: CompressedImage) -> bool:
    """Say whether a compressed image has colour channels. Raises ImageFormatError if it cannot be decoded."""
    return _channels(_decode(message)) > 1


def _message_data(content: memoryview) -> array.array[int]:
    # rclpy checks bytes and lists element by element, but takes an array.array as it is.
    data = array.array("B")
    data.frombytes(content)
    return data


def _converted(pixels: AnyImage, code: int) -> AnyImage:
    return pixels if code == _SAME else np.asarray(cv2.cvtColor(pixels, code))


def _is_compressed(message: Any) -> TypeIs[CompressedImage]:
    return hasattr(message, "format")


def _by_cv_bridge(message: ImageMessage, encoding: str) -> AnyImage:
    refusal = f"encoding {message.encoding!r} is not supported; send one of {', '.join(LAYOUTS)}"
    try:
        from cv_bridge import CvBridge, CvBridgeError
    except ImportError:
        raise ImageFormatError(f"{refusal}; install cv_bridge, which reads more") from None
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(message, encoding))
    except (CvBridgeError, TypeError, ValueError) as error:
        raise ImageFormatError(f"{refusal}; cv_bridge says: {error}") from error


def _read(message: ImageMessage) -> tuple[AnyImage, _Layout]:
    layout = LAYOUTS[message.encoding]
    height, width, step = message.height, message.width, message.step
    if height == 0 or width == 0:
        raise ImageFormatError(f"the image is empty: {width}x{height}")
    if height % layout.even[0] or width % layout.even[1]:
        raise ImageFormatError(
            f"{width}x{height}: {message.encoding} needs a width that is a multiple of "
            f"{layout.even[1]} and a height that is a multiple of {layout.even[0]}"
        )
    row = width * layout.channels * layout.depth
    rows = int(height * layout.rows)
    if step < row:
        raise ImageFormatError(
            f"step {step} is less than a row of {width} {message.encoding} pixels, {row} bytes"
        )
    if len(message.data) != step * rows:
        raise ImageFormatError(
            f"has {len(message.data)} bytes of data, {rows} rows of step {step} need {step * rows}"
        )
    data = np.frombuffer(message.data, np.uint8).reshape(rows, step)[:, :row]
    data = np.ascontiguousarray(data)
    if layout.depth == 2:
        stored = np.dtype(">u2" if message.is_bigendian else "<u2")
        return data.view(stored).astype(np.uint16, copy=False).reshape(rows, width), layout
    shape = (rows, width) if layout.channels == 1 else (rows, width, layout.channels)
    return data.reshape(shape), layout


def _decode_rgb(message: CompressedImage) -> Image:
    pixels = _decode(message)
    if pixels.dtype != np.uint8:
        raise ImageFormatError(
            f"format {message.format!r}: {pixels.dtype} is for infrared; a visible image needs 8 bits"
        )
    return np.asarray(cv2.cvtColor(pixels, _STORED_TO_RGB[_channels(pixels)]), np.uint8)


def _decode(message: CompressedImage) -> AnyImage:
    if "compressedDepth" in message.format:
        raise ImageFormatError(f"format {message.format!r} is not supported; send jpeg or png")
    data = np.frombuffer(message.data, np.uint8)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error as error:  # the header claims more pixels than OpenCV allocates
        raise ImageFormatError(f"format {message.format!r}: {error.err}") from error
    if pixels is None:
        raise ImageFormatError(
            f"format {message.format!r}: OpenCV cannot decode these {data.size} bytes; send jpeg or png"
        )
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageFormatError(f"format {message.format!r}: {pixels.dtype} values are not supported")
    return np.asarray(pixels)


def _channels(pixels: AnyImage) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])

"""Read and write sensor_msgs/Image as numpy arrays, without a copy where the layout allows."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sensor_msgs.msg import Image as ImageMessage
    from std_msgs.msg import Header

Image = npt.NDArray[np.uint8]


class ImageFormatError(ValueError):
    """Say what is wrong with an image message."""


class _Layout(NamedTuple):
    channels: int
    to_rgb: int
    to_grey: int


_SAME = -1
# OpenCV conversion code to R, G, B and to grey; _SAME needs none.
_LAYOUTS = {
    "rgb8": _Layout(3, _SAME, cv2.COLOR_RGB2GRAY),
    "bgr8": _Layout(3, cv2.COLOR_BGR2RGB, cv2.COLOR_BGR2GRAY),
    "8UC3": _Layout(3, cv2.COLOR_BGR2RGB, cv2.COLOR_BGR2GRAY),
    "rgba8": _Layout(4, cv2.COLOR_RGBA2RGB, cv2.COLOR_RGBA2GRAY),
    "bgra8": _Layout(4, cv2.COLOR_BGRA2RGB, cv2.COLOR_BGRA2GRAY),
    "mono8": _Layout(1, cv2.COLOR_GRAY2RGB, _SAME),
    "8UC1": _Layout(1, cv2.COLOR_GRAY2RGB, _SAME),
}


def read_rgb(message: ImageMessage) -> Image:
    """Return the message as (H, W, 3) R, G, B; rgb8 shares the message's memory.

    Raises ImageFormatError for other encodings and for sizes that contradict each other.
    """
    pixels, layout = _read(message)
    code = layout.to_rgb
    return pixels if code == _SAME else np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def read_grey(message: ImageMessage) -> Image:
    """Return the message as (H, W) grey; mono8 shares the message's memory.

    Raises ImageFormatError for other encodings and for sizes that contradict each other.
    """
    pixels, layout = _read(message)
    code = layout.to_grey
    return pixels if code == _SAME else np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def write_image(pixels: Image, encoding: str, header: Header) -> ImageMessage:
    """Return a message holding a copy of the pixels, (H, W, 3) for rgb8 and (H, W) for mono8."""
    from sensor_msgs.msg import Image as ImageMessage

    message = ImageMessage()
    message.header = header
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.step = pixels.strides[0]
    # rclpy checks bytes and lists element by element, but takes an array.array as it is.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
    message.data = data
    return message


def _read(message: ImageMessage) -> tuple[Image, _Layout]:
    layout = _LAYOUTS.get(message.encoding)
    if layout is None:
        raise ImageFormatError(
            f"encoding {message.encoding!r} is not supported; send one of {', '.join(_LAYOUTS)}"
        )
    height, width, step = message.height, message.width, message.step
    row = width * layout.channels
    if height == 0 or width == 0:
        raise ImageFormatError(f"the image is empty: {width}x{height}")
    if step < row:
        raise ImageFormatError(
            f"step {step} is less than a row of {width} {message.encoding} pixels, {row} bytes"
        )
    if len(message.data) != step * height:
        raise ImageFormatError(
            f"has {len(message.data)} bytes of data, height {height} x step {step} needs {step * height}"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)[:, :row]
    shape = (height, width) if layout.channels == 1 else (height, width, layout.channels)
    return np.ascontiguousarray(rows).reshape(shape), layout

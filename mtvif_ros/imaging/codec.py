"""Read and write sensor_msgs/Image and CompressedImage as numpy arrays.

cv_bridge, if installed, reads the encodings that LAYOUTS lacks. Compressed images are jpeg or png, as
image_transport's `compressed` plugin sends them.
"""

from __future__ import annotations

import array
from collections.abc import Callable
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


Conversion = int | Callable[[AnyImage], AnyImage]
"""An OpenCV code or a function."""


class _Layout(NamedTuple):
    """Describe an encoding: values per pixel and their type, and rows in memory per row of pixels."""

    channels: int
    to_rgb: Conversion | None
    to_grey: Conversion
    kind: str = "u1"
    rows: Fraction = Fraction(1)
    even: tuple[int, int] = (1, 1)
    """Height and width must be multiples of these."""
    colours: Callable[[AnyImage], AnyImage] | None = None
    """Picks values from a few places, (N, channels), that are all equal in a grey image."""


FALSE_COLOURS = (
    "infrared comes in colours, so that warm is not bright: set the camera to white-hot grey, or check that "
    "the two cameras are not swapped"
)

_SAMPLED = 16  # every sixteenth row and column tells whether a picture has colours
_STRONG = 32  # difference of two channels: JPEG and white balance stay below it
_NEUTRAL = 128  # of Cb and Cr


def _from_yuv(pixels: AnyImage) -> AnyImage:
    """Convert (H, W, 3) Y Cb Cr of BT.601 in limited range, which OpenCV does only for subsampled chroma."""
    to_rgb = np.array([[1.164, 0, 1.596, 0], [1.164, -0.392, -0.813, 0], [1.164, 2.017, 0, 0]])
    to_rgb[:, 3] = -to_rgb[:, :3] @ (16, _NEUTRAL, _NEUTRAL)
    return np.asarray(cv2.transform(pixels, to_rgb))


def _luma(pixels: AnyImage) -> AnyImage:
    return np.ascontiguousarray(pixels[..., 0])


def _channels_of(pixels: AnyImage) -> AnyImage:
    return pixels[::_SAMPLED, ::_SAMPLED, :3].reshape(-1, 3)


def _cells_of(pixels: AnyImage) -> AnyImage:
    """Pick the cells of a Bayer pattern: neighbours, so equal but for edges where there is no colour."""
    corners = [pixels[row::_SAMPLED, column::_SAMPLED].ravel() for row in (0, 1) for column in (0, 1)]
    return np.stack(corners, axis=1)


def _chroma(samples: AnyImage) -> AnyImage:
    return np.stack([samples.ravel(), np.full(samples.size, _NEUTRAL, np.uint8)], axis=1)


def _chroma_rows_of(pixels: AnyImage) -> AnyImage:
    return _chroma(pixels[pixels.shape[0] * 2 // 3 :: _SAMPLED // 2, :: _SAMPLED + 1])


def _bayer(red_at: tuple[int, int]) -> dict[str, Any]:
    # OpenCV names a Bayer pattern by its second row and column, ROS by its first.
    name = {(0, 0): "BG", (1, 1): "RG", (1, 0): "GR", (0, 1): "GB"}[red_at]
    rgb, grey = (getattr(cv2, f"COLOR_Bayer{name}2{kind}") for kind in ("RGB", "GRAY"))
    return {"channels": 1, "to_rgb": rgb, "to_grey": grey, "even": (2, 2), "colours": _cells_of}


_SAME = -1
_BGR: dict[str, Any] = {"to_rgb": cv2.COLOR_BGR2RGB, "to_grey": cv2.COLOR_BGR2GRAY, "colours": _channels_of}
_BGRA = _BGR | {"to_rgb": cv2.COLOR_BGRA2RGB, "to_grey": cv2.COLOR_BGRA2GRAY}
_RGB = _BGR | {"to_rgb": _SAME, "to_grey": cv2.COLOR_RGB2GRAY}
_RGBA = _BGR | {"to_rgb": cv2.COLOR_RGBA2RGB, "to_grey": cv2.COLOR_RGBA2GRAY}
_UYVY = _Layout(
    2,
    cv2.COLOR_YUV2RGB_UYVY,
    cv2.COLOR_YUV2GRAY_UYVY,
    even=(1, 2),
    colours=lambda pixels: _chroma(pixels[::_SAMPLED, :: _SAMPLED + 1, 0]),
)
_YUYV = _Layout(
    2,
    cv2.COLOR_YUV2RGB_YUY2,
    cv2.COLOR_YUV2GRAY_YUY2,
    even=(1, 2),
    colours=lambda pixels: _chroma(pixels[::_SAMPLED, :: _SAMPLED + 1, 1]),
)


def _nv(to_rgb: int, to_grey: int) -> _Layout:
    return _Layout(1, to_rgb, to_grey, rows=Fraction(3, 2), even=(2, 2), colours=_chroma_rows_of)


# Each encoding with its conversions to R G B and to grey; _SAME needs none, and None says that infrared has
# no colours. 16-bit colours are u2 here and come out in their upper eight bits.
LAYOUTS = {
    "rgb8": _Layout(3, **_RGB),
    "bgr8": _Layout(3, **_BGR),
    "8UC3": _Layout(3, **_BGR),
    "rgba8": _Layout(4, **_RGBA),
    "bgra8": _Layout(4, **_BGRA),
    "8UC4": _Layout(4, **_BGRA),
    "rgb16": _Layout(3, **_RGB, kind="u2"),
    "bgr16": _Layout(3, **_BGR, kind="u2"),
    "16UC3": _Layout(3, **_BGR, kind="u2"),
    "rgba16": _Layout(4, **_RGBA, kind="u2"),
    "bgra16": _Layout(4, **_BGRA, kind="u2"),
    "16UC4": _Layout(4, **_BGRA, kind="u2"),
    "mono8": _Layout(1, cv2.COLOR_GRAY2RGB, _SAME),
    "8UC1": _Layout(1, cv2.COLOR_GRAY2RGB, _SAME),
    "mono16": _Layout(1, None, _SAME, kind="u2"),
    "16UC1": _Layout(1, None, _SAME, kind="u2"),
    "16SC1": _Layout(1, None, _SAME, kind="i2"),
    "32FC1": _Layout(1, None, _SAME, kind="f4"),
    "uyvy": _UYVY,
    "yuv422": _UYVY,
    "yuyv": _YUYV,
    "yuv422_yuy2": _YUYV,
    "nv12": _nv(cv2.COLOR_YUV2RGB_NV12, cv2.COLOR_YUV2GRAY_NV12),
    "nv21": _nv(cv2.COLOR_YUV2RGB_NV21, cv2.COLOR_YUV2GRAY_NV21),
    "nv24": _Layout(
        1,
        _from_yuv,
        _luma,
        rows=Fraction(3),
        colours=lambda pixels: _chroma(pixels[::_SAMPLED, ::_SAMPLED, 1:]),
    ),
}
for _pattern, _red_at in {"rggb": (0, 0), "bggr": (1, 1), "gbrg": (1, 0), "grbg": (0, 1)}.items():
    LAYOUTS[f"bayer_{_pattern}8"] = _Layout(**_bayer(_red_at))
    LAYOUTS[f"bayer_{_pattern}16"] = _Layout(**_bayer(_red_at), kind="u2")
_JPEG_QUALITY = 90
# How OpenCV decodes a compressed image, by its number of channels.
STORED_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
STORED_TO_GREY = {3: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGRA2GRAY}


def read_rgb(message: ImageMessage | CompressedImage) -> Image:
    """Return the message as (H, W, 3) uint8, R G B; an rgb8 image shares the message's memory.

    Of 16-bit colours it keeps the upper eight bits. Raises ImageFormatError for an unknown encoding, a
    16-bit or float image without colours, contradictory sizes and undecodable data.
    """
    if _is_compressed(message):
        return _decode_rgb(message)
    if message.encoding not in LAYOUTS:
        return np.asarray(_by_cv_bridge(message, "rgb8"), np.uint8)
    layout = LAYOUTS[message.encoding]
    pixels = _read(message, layout)
    if layout.to_rgb is None:
        raise ImageFormatError(
            f"encoding {message.encoding!r} is for infrared; a visible image needs one of "
            + ", ".join(name for name, known in LAYOUTS.items() if known.to_rgb is not None)
        )
    return np.asarray(_converted(pixels, layout.to_rgb), np.uint8)


def read_grey(message: ImageMessage | CompressedImage) -> AnyImage:
    """Return the message as (H, W) grey: uint8, or uint16, int16 or float32 for encodings of these types.

    An image without colours shares the message's memory if it is in this machine's byte order. Of 16-bit
    colours it keeps the upper eight bits. Raises ImageFormatError for an unknown encoding, contradictory
    sizes and undecodable data.
    """
    return read_infrared(message)[0]


def read_infrared(message: ImageMessage | CompressedImage) -> tuple[AnyImage, bool]:
    """Return what read_grey returns, and whether a tenth of the picture has strong colours.

    So has infrared in false colours, where warm is not bright, and a visible camera in infrared's place.
    """
    if _is_compressed(message):
        pixels = _decode(message)
        channels = _channels(pixels)
        if channels == 1:
            return pixels, False
        return np.asarray(cv2.cvtColor(pixels, STORED_TO_GREY[channels])), has_false_colours(pixels)
    if message.encoding not in LAYOUTS:
        return _by_cv_bridge(message, "mono16" if "16" in message.encoding else "mono8"), False
    layout = LAYOUTS[message.encoding]
    pixels = _read(message, layout)
    is_coloured = layout.colours is not None and _is_coloured(layout.colours(pixels))
    return _converted(pixels, layout.to_grey), is_coloured


def has_false_colours(pixels: AnyImage) -> bool:
    """Say whether a tenth of a picture (H, W, 3 or 4) of whole numbers has strong colours."""
    return _is_coloured(_channels_of(pixels), full=np.iinfo(pixels.dtype).max)


def _is_coloured(samples: AnyImage, full: int = 255) -> bool:
    channels = np.ascontiguousarray(samples.T)
    spread = channels.max(axis=0) - channels.min(axis=0)
    return bool(np.mean(spread > _STRONG / 255 * full) > 0.1)


def write_image(pixels: AnyImage, encoding: str, header: Header) -> ImageMessage:
    """Return a message with a copy of the pixels, (H, W, 3) for rgb8, (H, W) for mono8 and 32FC1."""
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


def _converted(pixels: AnyImage, how: Conversion) -> AnyImage:
    if callable(how):
        return how(pixels)
    try:
        return pixels if how == _SAME else np.asarray(cv2.cvtColor(pixels, how))
    except cv2.error as error:  # a picture of a few pixels, or of more than OpenCV allocates
        raise ImageFormatError(f"{pixels.shape[1]}x{pixels.shape[0]}: {error.err}") from error


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


def _read(message: ImageMessage, layout: _Layout) -> AnyImage:
    """Return the pixels as they lie in memory, without padding; those of nv24 as (H, W, 3) Y Cb Cr."""
    height, width, step = message.height, message.width, message.step
    if height == 0 or width == 0:
        raise ImageFormatError(f"the image is empty: {width}x{height}")
    if height % layout.even[0] or width % layout.even[1]:
        raise ImageFormatError(
            f"{width}x{height}: {message.encoding} needs a width that is a multiple of "
            f"{layout.even[1]} and a height that is a multiple of {layout.even[0]}"
        )
    stored = np.dtype(layout.kind).newbyteorder(">" if message.is_bigendian else "<")
    row = width * layout.channels * stored.itemsize
    rows = int(height * layout.rows)
    if step < row:
        raise ImageFormatError(
            f"step {step} is less than a row of {width} {message.encoding} pixels, {row} bytes"
        )
    # Some cameras append their settings; as many bytes again are a picture of another encoding or size.
    if not step * rows <= len(message.data) < 2 * step * rows:
        raise ImageFormatError(
            f"has {len(message.data)} bytes of data, {rows} rows of step {step} need {step * rows}"
        )
    data = np.frombuffer(message.data, np.uint8, step * rows).reshape(rows, step)
    if message.encoding == "nv24":
        chroma = data[height:].reshape(height, 2 * step)[:, : 2 * width].reshape(height, width, 2)
        return np.dstack([data[:height, :width], chroma])
    values = np.ascontiguousarray(data[:, :row]).view(stored)
    if layout.to_rgb is None:
        values = values.astype(stored.newbyteorder("="), copy=False)
    elif stored.itemsize == 2:
        values = values.view(np.uint8)[:, 0 if message.is_bigendian else 1 :: 2]
        values = np.ascontiguousarray(values)
    return values.reshape((rows, width) if layout.channels == 1 else (rows, width, layout.channels))


def _decode_rgb(message: CompressedImage) -> Image:
    pixels = _decode(message)
    if pixels.dtype != np.uint8:
        raise ImageFormatError(
            f"format {message.format!r}: {pixels.dtype} is for infrared; a visible image needs 8 bits"
        )
    return np.asarray(cv2.cvtColor(pixels, STORED_TO_RGB[_channels(pixels)]), np.uint8)


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

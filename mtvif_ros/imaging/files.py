"""Read image files as camera frames, refuse what OpenCV would turn, shift or cut in silence; write images."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from mtvif_ros.image import AnyImage, Image
from mtvif_ros.imaging.codec import FALSE_COLOURS, STORED_TO_GREY, STORED_TO_RGB, has_false_colours

_log = logging.getLogger(__name__)

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
"""What the names of image files end in."""

_JPEG_STARTS, _JPEG_ENDS = b"\xff\xd8", b"\xff\xd9"
_ORDERS = (b"II", b"MM")  # of a TIFF's bytes
_TIFF_STARTS: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
# What stands before EXIF data in JPEG, PNG and WebP files, and how far before.
_EXIF_MARKS = ((b"Exif\0\0", 6), (b"eXIf", 4), (b"EXIF", 8))
_ORIENTATION = 0x0112

# Its own lines about damaged files would hide the one that says what to do. Ubuntu's OpenCV 4 has only the
# first of these functions, OpenCV 5 only the second.
(getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)  # silent


def read_visible(path: Path) -> Image:
    """Read a visible frame (H, W, 3), R G B.

    Raises ValueError, naming the file, for one that is damaged, rotated by EXIF or not of 8 bits.
    """
    pixels = _eight_bits(path, "a visible frame")
    return np.asarray(cv2.cvtColor(pixels, STORED_TO_RGB[_channels(path, pixels)]), np.uint8)


def read_infrared(path: Path) -> AnyImage:
    """Read an infrared frame (H, W) as it is stored, whole numbers or float32; ThermalScaler makes it 8 bits.

    A warning tells of false colours, once a folder. Raises ValueError, naming the file, for one that is
    damaged, rotated by EXIF or holds values that are not finite.
    """
    pixels = _decode(path)
    channels = _channels(path, pixels)
    if channels > 1 and pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path}: has {channels} channels of {pixels.dtype}; store infrared as one")
    if channels > 1 and has_false_colours(pixels):
        _tell_colours(path.parent)
    grey = pixels if channels == 1 else np.asarray(cv2.cvtColor(pixels, STORED_TO_GREY[channels]))
    if grey.dtype.kind != "f":
        return grey
    single = grey.astype(np.float32, copy=False)
    if not np.isfinite(single).all():
        raise ValueError(f"{path}: has values that are not finite; replace them by numbers")
    return single


@cache  # so once
def _tell_colours(folder: Path) -> None:
    _log.warning("%s: %s", folder, FALSE_COLOURS)


def read_four_channels(path: Path) -> tuple[Image, Image]:
    """Read rgb (H, W, 3), R G B, and ir (H, W) from one image of four channels.

    Raises ValueError, naming the file, as read_visible does and for another number of channels.
    """
    both = _eight_bits(path, "an image of four channels")
    if _channels(path, both) != 4:
        raise ValueError(f"{path}: is {both.shape}, expected four channels: R, G, B, infrared")
    return np.ascontiguousarray(both[..., 2::-1]), np.ascontiguousarray(both[..., 3])


def write_picture(path: Path, picture: Image) -> None:
    """Write (H, W, 3), R G B, or (H, W) in the form that the name ends in, and make the folder.

    Raises OSError, naming the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture
    if not cv2.imwrite(str(path), stored):
        raise OSError(f"{path}: cannot be written; check the free space of the disk")


def refuse_rotation(path: Path, data: bytes) -> None:
    """Raise ValueError if an image file asks viewers to rotate or mirror it.

    Some programs obey and others do not, so masks, boxes and the other camera may or may not be rotated.
    """
    if (turned := _orientation(data)) > 1:
        raise ValueError(
            f"{path}: its EXIF data rotate it (orientation {turned}); rotate the pixels and remove the tag, "
            "such as with `mogrify -auto-orient`, and look whether mask and boxes still fit"
        )


def _eight_bits(path: Path, what: str) -> Image:
    pixels = _decode(path)
    if pixels.dtype != np.uint8:
        raise ValueError(f"{path}: has {pixels.dtype} pixels; {what} needs 8 bits, scaled as you see fit")
    return np.asarray(pixels, np.uint8)


def _channels(path: Path, pixels: AnyImage) -> int:
    channels = 1 if pixels.ndim == 2 else int(pixels.shape[2])
    if channels not in STORED_TO_RGB:
        raise ValueError(f"{path}: has {channels} channels, expected 1, 3 or 4")
    return channels


def _decode(path: Path) -> AnyImage:
    """Return the pixels of a file at their own depth and in their stored order."""
    data = path.read_bytes()
    if not data:
        raise ValueError(f"{path}: is empty; copy it again")
    refuse_rotation(path, data)
    if data.startswith(_JPEG_STARTS):
        data = _ended(path, data)
    if data.startswith(_ORDERS) and (pages := cv2.imcount(str(path))) > 1:
        raise ValueError(
            f"{path}: has {pages} pages; store each as a file of its own, such as with `tiffsplit`"
        )
    pixels = decoded(data)
    if pixels is None:
        raise ValueError(f"{path}: not an image that OpenCV can decode; it may be cut short: copy it again")
    return pixels


def decoded(data: bytes) -> AnyImage | None:
    """Return the pixels of an image file's bytes as they are stored, None where OpenCV cannot decode them."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # the header claims more pixels than OpenCV allocates
        return None


def _ended(path: Path, data: bytes) -> bytes:
    """Return a JPEG with its end mark, which some cameras leave out. Raises ValueError for one cut short."""
    if data.rstrip(b"\0").endswith(_JPEG_ENDS):
        return data
    rest = data.rstrip(b"\xff")
    ended = rest + _JPEG_ENDS
    # If pixels are missing, more bytes change the picture; if all are there, the decoder skips them.
    given, filled = decoded(ended), decoded(rest + b"\x55\xaa" * 64 + _JPEG_ENDS)
    if given is None or filled is None or not np.array_equal(given, filled):
        raise ValueError(f"{path}: is cut short; copy it again")
    return ended


def _orientation(data: bytes) -> int:
    """Return the EXIF orientation of an image file, 1 if it has none."""
    starts = [data.find(mark) + skipped for mark, skipped in _EXIF_MARKS if mark in data]
    for start in (0, *starts):
        order = _TIFF_STARTS.get(data[start : start + 4])
        if order is None:
            continue
        directory = start + int.from_bytes(data[start + 4 : start + 8], order)
        count = int.from_bytes(data[directory : directory + 2], order)
        for at in range(directory + 2, directory + 2 + 12 * count, 12):
            if int.from_bytes(data[at : at + 2], order) == _ORIENTATION:
                return int.from_bytes(data[at + 8 : at + 10], order)
    return 1

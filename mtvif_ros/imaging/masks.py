"""Read class masks by index, from files and messages; refuse those whose values are open to doubt."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtvif_ros.image import AnyImage, Image, ImageFormatError
from mtvif_ros.imaging.codec import read_grey
from mtvif_ros.imaging.files import decoded, refuse_rotation

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage
    from sensor_msgs.msg import Image as ImageMessage

_ENCODINGS = ("mono8", "8UC1", "mono16", "16UC1")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _PALETTE = 0, 3
_KINDS = {2: "colours", 4: "grey with alpha", 6: "colours with alpha"}
_KIND_AT = 25  # the byte of a PNG that says what its pixels are
_REMEDY = "store class indices as a PNG of grey or with a palette"


def read_mask(path: Path) -> Image:
    """Read a PNG of class indices (H, W): grey of 1 to 16 bits, or a palette's indices.

    Raises ValueError, naming the file, for any other file, and where value and index could both be meant.
    """
    data = path.read_bytes()
    refuse_rotation(path, data)
    try:
        return _indices(data)
    except ImageFormatError as error:
        raise ValueError(f"{path}: {error}") from None


def is_grey_png(path: Path) -> bool:
    """Return whether a file is a PNG of grey values, without reading its pixels."""
    with path.open("rb") as file:
        start = file.read(_KIND_AT + 1)
    return start.startswith(_SIGNATURE) and start[_KIND_AT:] == bytes([_GREY])


def read_mask_message(message: ImageMessage | CompressedImage) -> Image:
    """Return a message's class indices (H, W): mono8, mono16 below 256, or a PNG as read_mask takes it.

    Raises ImageFormatError for other encodings and for JPEG, which changes values.
    """
    if hasattr(message, "format"):
        return _indices(bytes(message.data))
    if message.encoding not in _ENCODINGS:
        raise ImageFormatError(
            f"encoding {message.encoding!r} does not hold class indices; send one of {', '.join(_ENCODINGS)}"
        )
    return _small(read_grey(message))


def _indices(data: bytes) -> Image:
    if not data:
        raise ImageFormatError("is empty; copy it again")
    if not data.startswith(_SIGNATURE):
        raise ImageFormatError(f"is no PNG; {_REMEDY}")
    header, palette, pixels = b"", b"", b""
    for kind, content, whole in _chunks(data):
        if kind == b"IHDR":
            header = content
        elif kind == b"PLTE":
            palette = content
        elif kind == b"IDAT":
            pixels += whole
    if len(header) != 13:
        raise ImageFormatError("is damaged: its header is missing; copy it again")
    depth, colours = header[8], header[9]
    if colours not in (_PALETTE, _GREY):
        raise ImageFormatError(f"is a PNG of {depth}-bit {_KINDS.get(colours, 'unknown kind')}; {_REMEDY}")
    # OpenCV would turn indices into colours. Called grey, they come out as they are, below 8 bits scaled.
    plain = header[:9] + bytes([_GREY]) + header[10:]
    grey = decoded(_SIGNATURE + _chunk(b"IHDR", plain) + pixels + _chunk(b"IEND", b""))
    if grey is None:
        raise ImageFormatError("OpenCV cannot decode it; copy it again")
    if depth < 8:
        grey = grey // (255 // (2**depth - 1))
    if colours == _GREY:
        return _small(grey)
    indices = grey
    _check_palette(indices, np.frombuffer(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3))
    return np.asarray(indices, np.uint8)


def _check_palette(indices: AnyImage, palette: Image) -> None:
    """Refuse greys in another order: a program that packs files may have made them of grey values."""
    used = np.unique(indices)
    if len(used) and used[-1] >= len(palette):
        raise ImageFormatError(f"index {used[-1]} has no colour in its palette of {len(palette)}; {_REMEDY}")
    moved = used[palette[used, 0] != used]
    if len(moved) and (palette == palette[:, :1]).all():
        raise ImageFormatError(
            f"index {moved[0]} of its palette is grey {palette[moved[0], 0]}, so either may be the class; "
            "store class indices as a PNG of 8-bit grey"
        )


def _small(grey: AnyImage) -> Image:
    if grey.size and grey.max() > 255:
        raise ImageFormatError(f"value {grey.max()} is no class index; {_REMEDY}")
    return grey.astype(np.uint8, copy=False)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield kind, content and all bytes of each chunk that decides pixels. Raises ImageFormatError."""
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        whole = data[at : at + size + 12]
        kind, content = whole[4:8], whole[8:-4]
        if len(whole) < size + 12:
            break
        if kind[0] & 0x20 == 0:
            if struct.pack(">I", zlib.crc32(whole[4:-4])) != whole[-4:]:
                raise ImageFormatError(f"is damaged: the checksum of {kind!r} is wrong; copy it again")
            yield kind, content, whole
        if kind == b"IEND":
            return
        at += len(whole)
    raise ImageFormatError("is cut short; copy it again")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

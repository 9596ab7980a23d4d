"""Class masks as programs write them: read by index, or refused in one line."""

import array
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

from mtvif_ros.image import Image, ImageFormatError
from mtvif_ros.imaging.codec import write_compressed, write_image
from mtvif_ros.imaging.masks import is_grey_png, read_mask, read_mask_message

VOC = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)]
VOC += [(128, 128, 128), (64, 0, 0)]
GREYS = [(value,) * 3 for value in range(256)]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows: list[bytes], width: int, depth: int, kind: int, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = chunk(b"IHDR", header), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def indexed(indices: Image, depth: int, palette: Sequence[tuple[int, ...]]) -> bytes:
    """Return a palette PNG with `depth` bits for each index; transparency must not matter."""
    bits = np.unpackbits(indices[..., None], axis=-1)[..., 8 - depth :].reshape(len(indices), -1)
    rows = [np.packbits(row).tobytes() for row in bits]
    colours = chunk(b"PLTE", bytes(value for colour in palette for value in colour))
    return png(rows, indices.shape[1], depth, 3, colours, chunk(b"tRNS", b"\0"))


def ramp(depth: int) -> Image:
    return (np.arange(35, dtype=np.uint8).reshape(5, 7) % min(9, 2**depth)).astype(np.uint8)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("palette", [VOC, VOC[::-1], GREYS])
def test_a_palette_is_read_by_index(depth: int, palette: Sequence[tuple[int, ...]], tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(indexed(ramp(depth), depth, palette[: 2**depth]))
    assert read_mask(tmp_path / "mask.png").tolist() == ramp(depth).tolist()


@pytest.mark.parametrize(
    ("row", "depth", "wanted"),
    [(b"\xa0", 1, [1, 0, 1]), (b"\x1b", 2, [0, 1, 2]), (b"\x12\xf0", 4, [1, 2, 15])],
)
def test_grey_below_eight_bits_is_read_as_it_is_stored(
    row: bytes, depth: int, wanted: list[int], tmp_path: Path
) -> None:
    (tmp_path / "mask.png").write_bytes(png([row], 3, depth, 0))
    assert is_grey_png(tmp_path / "mask.png") and read_mask(tmp_path / "mask.png").tolist() == [wanted]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_is_read_by_value(kind: type[np.generic], tmp_path: Path) -> None:
    wanted = np.array([[0, 1, 8, 255]])
    cv2.imwrite(str(tmp_path / "mask.png"), wanted.astype(kind))
    assert read_mask(tmp_path / "mask.png").tolist() == wanted.tolist()


GREY_PNG = cv2.imencode(".png", ramp(4))[1].tobytes()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (cv2.imencode(".jpg", ramp(4))[1].tobytes(), "is no PNG; store class indices as a PNG"),
        (GREY_PNG[:-20], "is cut short"),
        (GREY_PNG[:60] + bytes([GREY_PNG[60] ^ 1]) + GREY_PNG[61:], "is damaged"),
        (png([bytes(4)], 2, 8, 4), "grey with alpha"),
        (png([bytes(6)], 2, 8, 2), "colours"),
        (png([bytes(8)], 2, 8, 6), "colours with alpha"),
        (cv2.imencode(".png", np.full((2, 2), 300, np.uint16))[1].tobytes(), "value 300 is no class index"),
        (indexed(ramp(1), 1, [(0, 0, 0), (255, 255, 255)]), "index 1 of its palette is grey 255"),
        (indexed(ramp(4), 4, VOC[:4]), "index 8 has no colour"),
    ],
)
def test_a_mask_that_may_mean_something_else_is_named(data: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(data)
    with pytest.raises(ValueError, match=rf"mask\.png: .*{problem}"):
        read_mask(tmp_path / "mask.png")


def compressed(data: bytes) -> CompressedImage:
    return CompressedImage(format="png", data=array.array("B", data))


def mono16(value: int) -> ImageMessage:
    data = array.array("B", struct.pack("<2H", 1, value))
    return ImageMessage(encoding="mono16", height=1, width=2, step=4, data=data)


@pytest.mark.parametrize(
    "message",
    [
        write_image(ramp(4), "mono8", Header()),
        write_compressed(ramp(4), "png", Header()),
        compressed(indexed(ramp(4), 4, VOC)),
    ],
)
def test_a_label_message_is_read_by_index(message: ImageMessage | CompressedImage) -> None:
    assert read_mask_message(message).tolist() == ramp(4).tolist()


def test_sixteen_bits_of_labels_are_read_if_eight_would_do() -> None:
    assert read_mask_message(mono16(8)).tolist() == [[1, 8]]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (mono16(258), "value 258 is no class index"),
        (write_image(np.zeros((2, 2, 3), np.uint8), "rgb8", Header()), "encoding 'rgb8' does not hold"),
        (write_compressed(ramp(4), "jpeg", Header()), "is no PNG"),
        (compressed(png([bytes(6)], 2, 8, 2)), "8-bit colours"),
    ],
)
def test_labels_that_are_no_indices_are_refused(
    message: ImageMessage | CompressedImage, problem: str
) -> None:
    with pytest.raises(ImageFormatError, match=problem):
        read_mask_message(message)

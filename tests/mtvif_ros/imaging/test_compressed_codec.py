import array
import zlib

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.compressed_codec import has_colours, write_compressed
from mtvif_ros.synthetic import Frame


def test_png_brings_back_every_pixel(night_frame: Frame) -> None:
    np.testing.assert_array_equal(
        read_rgb(write_compressed(night_frame.rgb, "png", Header())), night_frame.rgb
    )
    np.testing.assert_array_equal(
        read_grey(write_compressed(night_frame.ir, "png", Header())), night_frame.ir
    )


def test_jpeg_keeps_colours_in_their_order() -> None:
    red = np.full((32, 32, 3), (200, 30, 10), np.uint8)
    message = write_compressed(red, "jpeg", Header())
    assert message.format == "rgb8; jpeg compressed bgr8"
    assert np.abs(read_rgb(message).astype(int) - red).max() < 8
    assert has_colours(message)


def test_sixteen_bit_png_stays_sixteen_bit() -> None:
    ir = np.array([[1, 30_000], [256, 65_535]], np.uint16)
    _, encoded = cv2.imencode(".png", ir)
    message = CompressedImage(format="mono16; png compressed ", data=array.array("B", encoded.tobytes()))
    assert read_grey(message).tolist() == ir.tolist()
    assert not has_colours(message)
    with pytest.raises(ImageFormatError, match="for infrared"):
        read_rgb(message)


@pytest.mark.parametrize(
    ("data", "kind", "told"),
    [
        (b"", "jpeg", "0 bytes are no picture"),
        (b"\xff\xd8\xff\xe0 not much of a picture", "jpeg", "no picture that OpenCV can decode"),
        (b"x", "16UC1; compressedDepth", "not supported; send jpeg or png"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, kind: str, told: str) -> None:
    with pytest.raises(ImageFormatError, match=told):
        read_grey(CompressedImage(format=kind, data=array.array("B", data)))


def test_a_header_that_claims_a_huge_picture_is_refused() -> None:
    _, encoded = cv2.imencode(".png", np.zeros((4, 4), np.uint8))
    data = bytearray(encoded.tobytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(ImageFormatError, match="pixels"):
        read_grey(CompressedImage(format="png", data=array.array("B", bytes(data))))

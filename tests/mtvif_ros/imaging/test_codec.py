import array
import zlib

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.codec import has_colours, read_grey, read_rgb, write_compressed, write_image
from mtvif_ros.synthetic import Frame


def message(encoding: str, height: int, width: int, data: bytes, step: int) -> Image:
    result = Image(height=height, width=width, encoding=encoding, step=step)
    result.data = array.array("B", data)
    return result


RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize(
    ("encoding", "order"),
    [("rgb8", (0, 1, 2)), ("bgr8", (2, 1, 0)), ("8UC3", (2, 1, 0)), ("rgba8", (0, 1, 2, 0))],
)
def test_colours_come_out_in_rgb_order(encoding: str, order: tuple[int, ...]) -> None:
    pixels = RGB[..., list(order)]
    given = message(encoding, 2, 3, pixels.tobytes(), 3 * len(order))
    np.testing.assert_array_equal(read_rgb(given), RGB)


def test_rgb8_shares_the_memory_of_the_message() -> None:
    given = message("rgb8", 2, 3, RGB.tobytes(), 9)
    assert np.shares_memory(read_rgb(given), np.frombuffer(given.data, np.uint8))


def test_padding_at_the_end_of_rows_is_left_out() -> None:
    padded = np.full((2, 16), 99, np.uint8)
    padded[:, :9] = RGB.reshape(2, 9)
    np.testing.assert_array_equal(read_rgb(message("rgb8", 2, 3, padded.tobytes(), 16)), RGB)


def test_grey_of_colour_is_its_bt601_luma() -> None:
    given = message("rgb8", 1, 1, bytes((100, 50, 200)), 3)
    assert read_grey(given)[0, 0] == round(0.299 * 100 + 0.587 * 50 + 0.114 * 200)


@pytest.mark.parametrize("big", [False, True])
def test_sixteen_bits_are_read_in_either_byte_order(big: bool) -> None:
    values = np.array([[1, 256, 65535], [7, 8, 9]], ">u2" if big else "<u2")
    given = message("mono16", 2, 3, values.tobytes(), 6)
    given.is_bigendian = big
    grey = read_grey(given)
    assert grey.dtype == np.uint16
    assert grey.tolist() == [[1, 256, 65535], [7, 8, 9]]


@pytest.mark.parametrize(
    ("encoding", "red_at"),
    [
        ("bayer_rggb8", (0, 0)),
        ("bayer_grbg8", (0, 1)),
        ("bayer_gbrg8", (1, 0)),
        ("bayer_bggr8", (1, 1)),
    ],
)
def test_bayer_patterns_give_red_where_the_red_filter_is(encoding: str, red_at: tuple[int, int]) -> None:
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[red_at[0] :: 2, red_at[1] :: 2] = 200
    red, green, blue = read_rgb(message(encoding, 8, 8, mosaic.tobytes(), 8))[4, 4]
    assert red > 150 and green < 80 and blue < 80


@pytest.mark.parametrize("encoding", ["yuv422", "yuv422_yuy2", "nv12"])
def test_yuv_keeps_brightness_and_hue(encoding: str) -> None:
    luma, cb, cr = 145, 54, 34  # green in BT.601 of limited range
    if encoding == "nv12":
        data = np.full((6, 4), luma, np.uint8)
        data[4:, 0::2], data[4:, 1::2] = cb, cr
        given = message(encoding, 4, 4, data.tobytes(), 4)
    else:
        order = (cb, luma, cr, luma) if encoding == "yuv422" else (luma, cb, luma, cr)
        given = message(encoding, 4, 4, np.tile(np.array(order, np.uint8), (4, 2)).tobytes(), 8)
    red, green, blue = read_rgb(given)[1, 1]
    assert red < 20 and green > 235 and blue < 20
    assert read_grey(given)[1, 1] == luma


def test_sixteen_bits_are_no_visible_image() -> None:
    with pytest.raises(ImageFormatError, match="for infrared"):
        read_rgb(message("mono16", 2, 3, bytes(12), 6))


@pytest.mark.parametrize(
    ("encoding", "height", "width", "step", "size", "told"),
    [
        ("hsv8", 2, 3, 9, 18, "hsv8"),
        ("rgb8", 0, 3, 9, 0, "empty"),
        ("rgb8", 2, 3, 8, 16, "step 8"),
        ("rgb8", 2, 3, 9, 17, "17 bytes"),
        ("rgb8", 10_000, 10_000, 30_000, 0, "0 bytes"),
        ("nv12", 4, 4, 4, 16, "16 bytes of data, 6 rows"),
        ("nv12", 3, 4, 4, 18, "multiple of 2"),
        ("yuv422", 2, 3, 6, 12, "multiple of 2"),
        ("mono16", 2, 3, 3, 6, "6 bytes"),
    ],
)
def test_contradictions_are_refused_and_named(
    encoding: str, height: int, width: int, step: int, size: int, told: str
) -> None:
    with pytest.raises(ImageFormatError, match=told):
        read_rgb(message(encoding, height, width, bytes(size), step))


def test_a_written_image_is_read_back_with_its_header() -> None:
    header = Header(frame_id="rgb_camera")
    header.stamp.sec = 12
    written = write_image(RGB, "rgb8", header)
    assert (written.header.stamp.sec, written.header.frame_id) == (12, "rgb_camera")
    np.testing.assert_array_equal(read_rgb(written), RGB)


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "mono8", "yuv422", "yuv422_yuy2"])
def test_colours_are_those_of_cv_bridge(encoding: str, rng: np.random.Generator) -> None:
    cv_bridge = pytest.importorskip("cv_bridge", reason="cv_bridge has no wheel; ROS from apt has it")
    channels = {"mono8": 1, "yuv422": 2, "yuv422_yuy2": 2, "rgba8": 4, "bgra8": 4}.get(encoding, 3)
    given = message(encoding, 8, 8, rng.bytes(64 * channels), 8 * channels)
    reference = cv_bridge.CvBridge().imgmsg_to_cv2(given, "rgb8")
    assert np.abs(read_rgb(given).astype(int) - reference).max() <= 1


def test_an_encoding_beyond_ours_is_left_to_cv_bridge(rng: np.random.Generator) -> None:
    pytest.importorskip("cv_bridge", reason="cv_bridge has no wheel; ROS from apt has it")
    given = message("bgr16", 4, 4, rng.bytes(96), 24)
    assert read_rgb(given).shape == (4, 4, 3)


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
        (b"", "jpeg", "cannot decode these 0 bytes"),
        (b"\xff\xd8\xff\xe0 not much of a picture", "jpeg", "OpenCV cannot decode"),
        (b"x", "16UC1; compressedDepth", "not supported; send jpeg or png"),
    ],
)
def test_compressed_data_that_cannot_be_decoded_is_refused(data: bytes, kind: str, told: str) -> None:
    with pytest.raises(ImageFormatError, match=told):
        read_grey(CompressedImage(format=kind, data=array.array("B", data)))


def test_a_header_that_claims_a_huge_picture_is_refused() -> None:
    _, encoded = cv2.imencode(".png", np.zeros((4, 4), np.uint8))
    data = bytearray(encoded.tobytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(ImageFormatError, match="pixels"):
        read_grey(CompressedImage(format="png", data=array.array("B", bytes(data))))

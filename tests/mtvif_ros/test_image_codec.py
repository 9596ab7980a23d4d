import array

import numpy as np
import pytest
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from mtvif_ros.image_codec import ImageFormatError, read_grey, read_rgb, write_image


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


@pytest.mark.parametrize(
    ("encoding", "height", "width", "step", "size", "told"),
    [
        ("hsv8", 2, 3, 9, 18, "hsv8"),
        ("rgb8", 0, 3, 9, 0, "empty"),
        ("rgb8", 2, 3, 8, 16, "step 8"),
        ("rgb8", 2, 3, 9, 17, "17 bytes"),
        ("rgb8", 10_000, 10_000, 30_000, 0, "0 bytes"),
    ],
)
def test_contradictions_are_refused_and_named(
    encoding: str, height: int, width: int, step: int, size: int, told: str
) -> None:
    with pytest.raises(ImageFormatError, match=told):
        read_rgb(message(encoding, height, width, bytes(size), step))


def test_what_is_written_is_read_back_with_its_header() -> None:
    header = Header(frame_id="rgb_camera")
    header.stamp.sec = 12
    written = write_image(RGB, "rgb8", header)
    assert (written.header.stamp.sec, written.header.frame_id) == (12, "rgb_camera")
    np.testing.assert_array_equal(read_rgb(written), RGB)

"""Every encoding that cameras send: the same small scene in each of them."""

import array
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.codec import LAYOUTS, read_grey, read_infrared, read_rgb, write_compressed, write_image

ORANGE = (220, 120, 40)
Y, CB, CR = 137, 78, 178  # of ORANGE, in BT.601 of limited range
GREY = (120, 120, 120)
SIZE = 36
HALVES = {"nv12": (0, 1), "nv21": (1, 0)}


def picture(encoding: str, colour: tuple[int, int, int], big: bool = False) -> Image:
    """A picture of one colour, SIZE x SIZE."""
    y, cb, cr = (Y, CB, CR) if colour == ORANGE else (round(16 + colour[0] * 219 / 255), 128, 128)
    if encoding in HALVES:
        chroma = [(cb, cr)[i] for i in HALVES[encoding]]
        rows: npt.NDArray[np.generic] = np.full((SIZE * 3 // 2, SIZE), y, np.uint8)
        rows[SIZE:] = np.tile(np.array(chroma, np.uint8), SIZE // 2)
    elif encoding == "nv24":
        rows = np.full((3 * SIZE, SIZE), y, np.uint8)
        rows[SIZE:] = np.tile(np.array([cb, cr], np.uint8), SIZE // 2)
    elif encoding in ("uyvy", "yuv422"):
        rows = np.tile(np.array([cb, y, cr, y], np.uint8), (SIZE, SIZE // 2))
    elif encoding in ("yuyv", "yuv422_yuy2"):
        rows = np.tile(np.array([y, cb, y, cr], np.uint8), (SIZE, SIZE // 2))
    elif encoding.startswith("bayer"):
        cells = np.array([colour["rgb".index(letter)] for letter in encoding[6:10]], np.uint8)
        rows = np.tile(cells.reshape(2, 2), (SIZE // 2, SIZE // 2))
    else:
        order = {"8UC3": "bgr", "8UC4": "bgra", "16UC3": "bgr", "16UC4": "bgra"}.get(encoding, encoding)
        values = [{"r": colour[0], "g": colour[1], "b": colour[2], "a": 255}[c] for c in order.rstrip("0168")]
        rows = np.tile(np.array(values, np.uint8), (SIZE, SIZE))
    if "16" in encoding:
        rows = (rows.astype(np.uint16) << 8 | 99).astype(">u2" if big else "<u2")
    step = rows.shape[1] * rows.itemsize
    message = Image(height=SIZE, width=SIZE, encoding=encoding, step=step, is_bigendian=int(big))
    message.data = array.array("B", rows.tobytes())
    return message


COLOURED = [name for name, layout in LAYOUTS.items() if layout.colours is not None]


@pytest.mark.parametrize("encoding", COLOURED)
def test_a_colour_is_the_same_in_every_encoding(encoding: str) -> None:
    given = picture(encoding, ORANGE)
    rgb, (grey, is_coloured) = read_rgb(given)[9, 9], read_infrared(given)
    assert np.abs(rgb.astype(int) - ORANGE).max() <= 4
    assert grey.dtype == np.uint8 and grey.shape == (SIZE, SIZE)
    assert is_coloured
    assert not read_infrared(picture(encoding, GREY))[1]


@pytest.mark.parametrize("encoding", [name for name in COLOURED if "16" in name])
def test_sixteen_bit_colours_keep_their_upper_half_in_either_byte_order(encoding: str) -> None:
    for big in (False, True):
        np.testing.assert_array_equal(read_rgb(picture(encoding, ORANGE, big))[9, 9], ORANGE)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("encoding", "kind", "values"),
    [
        ("16SC1", "i2", [[-32768, -1, 0], [1, 256, 32767]]),
        ("32FC1", "f4", [[-273.15, 0.0, 20.5], [1e6, np.inf, -1e-3]]),
    ],
)
def test_signed_and_float_infrared_keep_their_values(
    encoding: str, kind: str, values: list[list[float]], big: bool
) -> None:
    stored = np.array(values, (">" if big else "<") + kind)
    message = Image(height=2, width=3, encoding=encoding, step=3 * stored.itemsize, is_bigendian=int(big))
    message.data = array.array("B", stored.tobytes())
    grey = read_grey(message)
    assert grey.dtype == np.dtype(kind)
    np.testing.assert_array_equal(grey, np.array(values, kind))
    with pytest.raises(ImageFormatError, match="is for infrared; a visible image needs one of rgb8"):
        read_rgb(message)


def test_padded_nv24_has_chroma_rows_of_two_steps() -> None:
    message = picture("nv24", ORANGE)
    step = SIZE + 4
    rows = np.full((3 * SIZE, step), 7, np.uint8)
    rows[:SIZE, :SIZE] = Y
    rows[SIZE:].reshape(SIZE, 2 * step)[:, : 2 * SIZE] = np.tile(np.array([CB, CR], np.uint8), SIZE)
    message.step, message.data = step, array.array("B", rows.tobytes())
    assert np.abs(read_rgb(message).astype(int) - ORANGE).max() <= 4


@pytest.mark.parametrize("encoding", ["rgb8", "mono16", "nv12", "nv24", "bayer_rggb8"])
def test_bytes_after_the_last_row_are_left_out(encoding: str) -> None:
    message = picture("rgb16" if encoding == "mono16" else encoding, ORANGE)
    message.encoding = encoding
    whole = read_grey(message)
    message.data.extend(b"telemetry")
    np.testing.assert_array_equal(read_grey(message), whole)
    message.data = array.array("B", bytes(2 * len(message.data)))
    with pytest.raises(ImageFormatError, match="bytes of data"):
        read_grey(message)


def ironbow(height: int, width: int) -> npt.NDArray[np.uint8]:
    ramp = np.linspace(0, 255, height * width).reshape(height, width)
    return np.dstack([ramp, np.abs(128 - ramp), 255 - ramp]).astype(np.uint8)


def noisy_grey(height: int, width: int) -> npt.NDArray[np.uint8]:
    grey = np.random.default_rng(1).integers(90, 160, (height, width, 1), np.uint8)
    marked = grey.repeat(3, axis=2)
    marked[:8, :8] = (0, 255, 0)  # a coloured battery sign
    return marked


@pytest.mark.parametrize("form", ["raw", "jpeg", "png"])
@pytest.mark.parametrize(("scene", "expected"), [(ironbow, True), (noisy_grey, False)])
def test_false_colours_are_noticed_and_a_coloured_sign_is_not(
    scene: Callable[[int, int], npt.NDArray[np.uint8]], expected: bool, form: str
) -> None:
    pixels = scene(64, 96)
    message: Image | CompressedImage
    if form == "raw":
        message = write_image(pixels, "rgb8", Header())
    else:
        message = write_compressed(pixels, form, Header())
    assert read_infrared(message)[1] is expected

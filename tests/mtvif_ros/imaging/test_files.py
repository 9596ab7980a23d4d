"""Image files as cameras and programs write them: read as they are meant, or refused in one line."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.imaging.files import read_four_channels, read_infrared, read_visible
from mtvif_ros.imaging.thermal import ThermalScaler

RAMP = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
GREY = (RAMP * 255).astype(np.uint8)


def exif(orientation: int, order: str) -> bytes:
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


def jpeg(pixels: np.ndarray = GREY) -> bytes:  # type: ignore[type-arg]
    return cv2.imencode(".jpg", pixels)[1].tobytes()


@pytest.mark.parametrize(
    ("suffix", "stored"),
    [
        ("png", (7000 + 300 * RAMP).astype(np.uint16)),
        ("tiff", (7000 + 300 * RAMP).astype(np.uint16)),
        ("tiff", (300 * RAMP - 150).astype(np.int16)),
        ("tiff", 20 + 15 * RAMP),
        ("tiff", RAMP),
        ("tiff", RAMP.astype(np.float64)),
    ],
)
def test_infrared_of_more_than_eight_bits_keeps_its_grey_levels(
    suffix: str,
    stored: np.ndarray,  # type: ignore[type-arg]
    tmp_path: Path,
) -> None:
    path = tmp_path / f"ir.{suffix}"
    cv2.imwrite(str(path), stored)
    seen = ThermalScaler((0, 100))(read_infrared(path)).astype(int)
    assert np.abs(seen - GREY).max() <= 16  # the scaler samples each fourth column


def test_eight_bits_come_as_they_are(tmp_path: Path) -> None:
    colour = np.dstack((GREY, GREY // 2, GREY // 4))
    cv2.imwrite(str(tmp_path / "grey.png"), GREY)
    cv2.imwrite(str(tmp_path / "colour.png"), colour)
    cv2.imwrite(str(tmp_path / "four.png"), np.dstack((colour, 255 - GREY)))
    assert (read_infrared(tmp_path / "grey.png") == GREY).all()
    assert (read_visible(tmp_path / "grey.png") == GREY[..., None]).all()
    assert (read_visible(tmp_path / "colour.png") == colour[..., ::-1]).all()
    assert (read_infrared(tmp_path / "colour.png") == cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)).all()
    rgb, ir = read_four_channels(tmp_path / "four.png")
    assert (rgb == colour[..., ::-1]).all() and (ir == 255 - GREY).all()


@pytest.mark.parametrize("lost", [1, 2])
def test_a_jpeg_without_its_end_mark_is_whole(lost: int, tmp_path: Path) -> None:
    (tmp_path / "all.jpg").write_bytes(jpeg())
    (tmp_path / "one.jpg").write_bytes(jpeg()[:-lost])
    assert (read_infrared(tmp_path / "one.jpg") == read_infrared(tmp_path / "all.jpg")).all()


def with_exif(orientation: int, order: str = "<") -> bytes:
    content = b"Exif\0\0" + exif(orientation, order)
    return jpeg()[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + jpeg()[2:]


def encoded(suffix: str, pixels: np.ndarray) -> bytes:  # type: ignore[type-arg]
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.mark.parametrize("read", [read_visible, read_infrared])
@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("empty.png", b"", "is empty"),
        ("text.png", b"no picture", "not an image that OpenCV can decode"),
        ("cut.png", encoded(".png", GREY)[:-30], "may be cut short"),
        ("cut.tiff", encoded(".tiff", GREY)[:-30], "may be cut short"),
        ("cut.bmp", encoded(".bmp", GREY)[:-30], "may be cut short"),
        (
            "cut.jpg",
            jpeg(cv2.GaussianBlur(np.random.default_rng(0).random((48, 64)) * 255, (0, 0), 1))[:-40],
            "cut short",
        ),
        ("turned.jpg", with_exif(6), r"EXIF data rotate it \(orientation 6\)"),
        ("turned.jpg", with_exif(3, ">"), r"EXIF data rotate it \(orientation 3\)"),
    ],
)
def test_an_unusable_file_is_named(
    name: str, data: bytes, problem: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=rf"{name}: .*{problem}"):
        read(tmp_path / name)


def test_an_upright_exif_orientation_is_taken(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(with_exif(1))
    assert read_visible(tmp_path / "one.jpg").shape == (48, 64, 3)


def test_a_visible_frame_of_sixteen_bits_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "vi.png"), GREY.astype(np.uint16))
    with pytest.raises(ValueError, match=r"vi\.png: has uint16 pixels; a visible frame needs 8 bits"):
        read_visible(tmp_path / "vi.png")


def test_a_file_of_many_pages_is_refused_rather_than_cut_to_the_first(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "ir.tiff"), [GREY.astype(np.uint16)] * 3)
    with pytest.raises(ValueError, match=r"ir\.tiff: has 3 pages; store each as a file of its own"):
        read_infrared(tmp_path / "ir.tiff")


def test_temperatures_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "ir.tiff"), np.where(RAMP > 0.5, np.nan, RAMP).astype(np.float32))
    with pytest.raises(ValueError, match=r"ir\.tiff: has values that are not finite"):
        read_infrared(tmp_path / "ir.tiff")


def test_images_are_read_where_opencv_is_ubuntus(tmp_path: Path) -> None:
    """OpenCV 4.5.4 and 4.6.0 sets its log level by another function."""
    cv2.imwrite(str(tmp_path / "grey.png"), GREY)
    code = (
        "import cv2, pathlib; vars(cv2.utils).pop('logging', None); cv2.setLogLevel = print; "
        "from mtvif_ros.imaging.files import read_infrared as read; "
        "print(read(pathlib.Path('grey.png')).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["0", "(48, 64)"], done.stderr

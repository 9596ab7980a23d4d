from pathlib import Path

import numpy as np
import pytest

from mtvif_ros.image import Image
from mtvif_ros.imaging.registration import (
    Registration,
    RegistrationError,
    read_registration,
    write_registration,
)

SHIFT = (1.0, 0.0, 10.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@pytest.fixture
def dot() -> Image:
    """A bright square around x 30, y 20 of a 80x60 infrared frame."""
    ir = np.zeros((60, 80), np.uint8)
    ir[18:23, 28:33] = 255
    return ir


def centre(image: Image) -> tuple[float, float]:
    rows, columns = np.nonzero(image > 100)
    return float(columns.mean()), float(rows.mean())


def test_the_identity_hands_the_frame_on_without_a_copy(dot: Image) -> None:
    assert np.shares_memory(Registration()(dot, (80, 60), (80, 60)), dot)


def test_a_homography_moves_infrared_to_visible_pixels(dot: Image) -> None:
    assert centre(Registration(SHIFT)(dot, (80, 60), (80, 60))) == pytest.approx((40, 20), abs=0.1)


def test_without_sizes_it_is_in_visible_pixels_whatever_infrared_has(dot: Image) -> None:
    moved = Registration(SHIFT)(dot, (160, 120), (160, 120))
    assert centre(moved) == pytest.approx((2 * 30 + 10.5, 2 * 20 + 0.5), abs=0.6)


def test_with_sizes_it_holds_for_frames_scaled_from_them(dot: Image) -> None:
    at_calibration = Registration(SHIFT, (80, 60), (80, 60))
    assert centre(at_calibration(dot, (160, 120), (160, 120))) == pytest.approx((80.5, 40.5), abs=0.6)


@pytest.mark.parametrize("sizes", [None, (80, 60)])
def test_scaled_frames_keep_their_pixel_centres(sizes: tuple[int, int] | None) -> None:
    """Of infrared pixels twice as wide, visible pixel u sees the place (u - 10 + 1 / 2) / 2 - 1 / 2."""
    shift = SHIFT if sizes is None else (1.0, 0.0, 5.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    rows, columns = np.mgrid[:60, :80].astype(np.float32)
    for ramp, axis, moved_by in ((columns, 1, 10), (rows, 0, 0)):
        seen = Registration(shift, sizes, sizes)(ramp, (160, 120), (160, 120))
        places = (np.arange(ramp.shape[axis] * 2) - moved_by + 0.5) / 2 - 0.5
        middle = np.take(seen, 50, axis=1 - axis)[20:110]
        np.testing.assert_allclose(middle, places[20:110], atol=0.04)


def test_pixels_outside_the_infrared_view_are_cold(dot: Image) -> None:
    assert (Registration(SHIFT)(dot + 50, (80, 60), (80, 60))[:, :9] == 0).all()


def test_a_registration_survives_its_file(tmp_path: Path) -> None:
    given = Registration(SHIFT, (80, 60), (160, 120))
    write_registration(tmp_path / "r.yaml", given, {"residual_median_px": 0.5})
    assert read_registration(tmp_path / "r.yaml") == given


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("homography: [[1, 0, 0]]", "r.yaml: needs homography"),
        ("[", "r.yaml: needs homography"),
        ("homography: [[1,0,0],[0,1,0],[0,0,x]]\ninfrared_size: [1, 1]\nvisible_size: [1, 1]", "r.yaml"),
        ("homography: [[-1,0,0],[0,1,0],[0,0,1]]\ninfrared_size: [9, 9]\nvisible_size: [9, 9]", "mirrors"),
        ("homography: [[1,0,0],[0,1,0],[-1,0,1]]\ninfrared_size: [9, 9]\nvisible_size: [9, 9]", "folds"),
        ("homography: [[1,0,0],[0,1,0],[0,0,1]]\ninfrared_size: [0, 9]\nvisible_size: [9, 9]", "width"),
        ("homography: [[1,0,0],[0,1,0],[0,0,1]]\ninfrared_size: [.inf, 9]\nvisible_size: [9, 9]", "infinity"),
        pytest.param(f"homography: [[1{400 * '0'},0,0]]", "r.yaml: needs homography", id="huge"),
        pytest.param(3000 * "[", "r.yaml: needs homography", id="deep"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RegistrationError, match=told):
        read_registration(tmp_path / "r.yaml")
    with pytest.raises(RegistrationError, match="make this file with mtvif_calibrate"):
        read_registration(tmp_path / "none.yaml")


def test_floats_keep_their_values_and_are_unknown_outside() -> None:
    celsius = np.tile(np.linspace(-10, 40, 80, dtype=np.float32), (60, 1))
    moved = Registration((1.0, 0, -8, 0, 1, 0, 0, 0, 1))(celsius, (80, 60), (80, 60))
    np.testing.assert_allclose(moved[:-1, :71], celsius[:-1, 8:79], rtol=1e-6)
    assert np.isnan(moved[:, 73:]).all()
    halved = Registration()(celsius, (40, 30), (40, 30))
    np.testing.assert_allclose(halved, (celsius[::2, ::2] + celsius[::2, 1::2]) / 2, rtol=1e-5)

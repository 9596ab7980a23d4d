import cv2
import numpy as np
import pytest

from mtvif_ros.image import Image
from mtvif_ros.imaging.detail import at_camera_size
from mtvif_ros.imaging.resize import scaled

_SMALL, _LARGE = (64, 48), (160, 120)
_COLD = np.zeros((120, 160), np.uint8)


def fused_at_camera_size(change: int, rgb: Image, ir: Image) -> Image:
    """Fuse as a model of the small size does that adds `change` to the plain maximum."""
    seen_rgb, seen_ir = scaled(rgb, _SMALL), scaled(ir, _SMALL)
    luma = cv2.cvtColor(seen_rgb, cv2.COLOR_RGB2GRAY).astype(int)
    gain = np.maximum(luma, seen_ir) - luma + change
    fused = np.clip(seen_rgb + gain[..., None], 0, 255).astype(np.uint8)
    return at_camera_size(fused, seen_rgb, seen_ir, rgb, ir)


def stripes(low: int, high: int) -> Image:
    """Return stripes of one pixel, which no smaller image can hold."""
    plane = np.where(np.arange(160) % 2, high, low)
    return np.tile(plane, (120, 1)).astype(np.uint8)


def grey(plane: Image) -> Image:
    return np.repeat(plane[..., None], 3, axis=2)


@pytest.mark.parametrize("change", [-20, 0, 20])
def test_visible_detail_that_the_model_did_not_see_stays(change: int) -> None:
    rgb = grey(stripes(100, 140))
    np.testing.assert_array_equal(fused_at_camera_size(change, rgb, _COLD), rgb.astype(int) + change)


def test_infrared_detail_that_the_model_did_not_see_comes_where_infrared_is_brighter() -> None:
    ir = stripes(150, 190)
    ir[:, :80] = 0
    fused = fused_at_camera_size(0, grey(np.full_like(ir, 60)), ir)
    np.testing.assert_array_equal(fused[:, 100:], grey(ir)[:, 100:])
    np.testing.assert_array_equal(fused[:, :60], 60)


def test_infrared_detail_stays_out_where_the_model_does_without_infrared() -> None:
    rgb, ir = grey(np.full_like(_COLD, 60)), stripes(150, 190)
    seen_rgb = scaled(rgb, _SMALL)
    np.testing.assert_array_equal(at_camera_size(seen_rgb, seen_rgb, scaled(ir, _SMALL), rgb, ir), rgb)


def test_the_detail_of_infrared_replaces_the_visible_one() -> None:
    """Noise of both cameras would be twice the noise."""
    rgb, ir = grey(stripes(50, 70)), stripes(190, 150)
    fused = fused_at_camera_size(0, rgb, ir).astype(int)
    assert np.abs(fused - grey(ir)).max() <= 2  # each of the enlarged planes is rounded


def test_visible_detail_finer_than_the_infrared_camera_stays() -> None:
    """Infrared of 80x60 on a visible frame of 160x120, and a model of 64x48."""
    rgb, ir = grey(stripes(50, 70)), np.full((120, 160), 150, np.uint8)
    seen_rgb, seen_ir = scaled(rgb, _SMALL), scaled(ir, _SMALL)
    fused = at_camera_size(grey(seen_ir), seen_rgb, seen_ir, rgb, ir, (80, 60))
    np.testing.assert_array_equal(fused, rgb + 90)


def test_infrared_no_finer_than_the_model_may_be_left_out(rng: np.random.Generator) -> None:
    rgb = rng.integers(0, 256, (120, 160, 3), np.uint8)
    seen_rgb, seen_ir = scaled(rgb, _SMALL), rng.integers(0, 256, (48, 64), np.uint8)
    fused = rng.integers(0, 256, (48, 64, 3), np.uint8)
    with_it, without = (
        at_camera_size(fused, seen_rgb, seen_ir, rgb, ir, _SMALL) for ir in (scaled(seen_ir, _LARGE), None)
    )
    assert np.abs(with_it.astype(int) - without).max() <= 1  # luma is rounded before scaling, or after


def test_colours_stay(rng: np.random.Generator) -> None:
    rgb = rng.integers(60, 120, (120, 160, 3), np.uint8)
    fused = fused_at_camera_size(30, rgb, _COLD).astype(int)
    np.testing.assert_array_equal(fused - fused[..., :1], rgb.astype(int) - rgb[..., :1])


def test_values_saturate_at_black_and_white() -> None:
    black, white = grey(np.full_like(_COLD, 5)), grey(np.full_like(_COLD, 250))
    assert (fused_at_camera_size(-40, black, _COLD) == 0).all()
    assert (fused_at_camera_size(40, white, _COLD) == 255).all()


def test_at_the_models_own_size_the_fused_image_is_the_models(rng: np.random.Generator) -> None:
    rgb = rng.integers(40, 200, (48, 64, 3), np.uint8)
    ir = rng.integers(0, 256, (48, 64), np.uint8)
    fused = (rgb + rng.integers(0, 40, (48, 64, 1))).astype(np.uint8)
    of_camera = at_camera_size(fused, rgb, ir, rgb, ir)
    # The luma of either is rounded.
    assert np.abs(of_camera.astype(int) - fused).max() <= 1


def test_frames_smaller_than_the_model_keep_their_detail_too() -> None:
    rgb = grey(stripes(100, 140))
    larger = (320, 240)
    seen_rgb, seen_ir = scaled(rgb, larger), scaled(_COLD, larger)
    fused = at_camera_size(seen_rgb + np.uint8(20), seen_rgb, seen_ir, rgb, _COLD)
    np.testing.assert_array_equal(fused, rgb + 20)

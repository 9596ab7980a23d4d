import numpy as np

from mtvif_ros.classes import STREET_NAMES
from tests.training import tiny
from training.data.augment import augment
from training.data.pairs import Sample

SETS = tiny.street_sets()


def striped() -> Sample:
    """Return a pair where both cameras and the label show the same bright square."""
    ir = np.zeros((96, 128), np.uint8)
    ir[30:60, 50:90] = 200
    allowed = np.where(ir > 0, STREET_NAMES.index("car"), 0).astype(np.uint16)
    return Sample("striped", np.repeat(ir[..., None], 3, 2), ir, allowed)


def test_cameras_and_labels_stay_aligned() -> None:
    """Photometric changes may invert or blank a camera, so most samples must agree, not all."""
    agreement = []
    for seed in range(60):
        rgb, ir, allowed = augment(striped(), (64, 64), SETS, np.random.default_rng(seed))
        car = allowed == 1
        if car.any() and not car.all():
            seen = [plane.ravel() for plane in (rgb.mean(0), ir[0]) if np.ptp(plane) > 0]
            agreement += [np.corrcoef(plane, car.ravel())[0, 1] for plane in seen]
    assert len(agreement) > 60
    assert np.median(agreement) > 0.9


def test_labels_are_not_shifted_against_the_frames_by_scaling() -> None:
    """Not by a part of a pixel: the network would learn to mark everything beside itself.

    Infrared is shifted at random, too: many views bring the mean's error to less than half of the limit.
    """
    shifts = []
    for seed in range(1500):
        _, ir, allowed = augment(striped(), (64, 64), SETS, np.random.default_rng(seed))
        car = allowed == 1
        bright = ir[0] > (ir.min() + ir.max()) / 2
        inside = car[1:-1, 1:-1].sum() == car.sum() > 0
        if inside and (bright == car).mean() > 0.95:
            shifts.append(np.nonzero(car)[0].mean() - np.nonzero(bright)[0].mean())
    assert len(shifts) > 200
    assert abs(np.mean(shifts)) < 0.1


def test_frames_stay_in_range_and_vary() -> None:
    views = [augment(striped(), (64, 64), SETS, np.random.default_rng(seed)) for seed in range(20)]
    for rgb, ir, _ in views:
        assert rgb.dtype == ir.dtype == np.float32
        assert min(rgb.min(), ir.min()) >= 0 and max(rgb.max(), ir.max()) <= 1
    assert len({rgb.tobytes() for rgb, _, _ in views}) == 20


def test_a_view_in_twenty_and_more_is_as_dark_as_real_nights() -> None:
    heat = np.ones((96, 128), np.uint8)
    grey = Sample("grey", np.full((96, 128, 3), 120, np.uint8), heat, heat.astype(np.uint16))
    views = [augment(grey, (64, 64), SETS, np.random.default_rng(seed))[0] for seed in range(300)]
    lights = [view.mean() * 255 for view in views]
    assert 0.05 < (np.array(lights) < 14).mean() < 0.3


def test_a_frame_smaller_than_the_crop_is_enlarged() -> None:
    rgb, _, _ = augment(striped(), (192, 256), SETS, np.random.default_rng(0))
    assert rgb.shape == (3, 192, 256)

import numpy as np
import pytest

from mtvif_ros.metrics.flicker import FlickerMeter, flicker_sentence
from mtvif_ros.metrics.fusion import Plane

Frames = list[tuple[Plane, Plane]]


@pytest.fixture
def frames(rng: np.random.Generator) -> Frames:
    """Three frames of two cameras, all different."""
    return [(visible, infrared) for visible, infrared in np.rint(rng.uniform(0, 200, (3, 2, 12, 16)))]


def test_max_itself_has_a_ratio_of_one(frames: Frames) -> None:
    meter = FlickerMeter()
    for visible, infrared in frames:
        meter.add(visible, infrared, np.maximum(visible, infrared))
    assert meter.ratio() == 1


def test_steps_weigh_by_their_change(frames: Frames) -> None:
    meter = FlickerMeter()
    visible, infrared = np.zeros((4, 4)), np.zeros((4, 4))
    for level, fused in ((0, 0), (1, 3), (11, 13)):
        meter.add(visible + level, infrared + level, visible + fused)
    assert meter.ratio() == pytest.approx(13 / 11)


def test_a_frame_that_a_camera_repeats_and_a_gap_do_not_count(frames: Frames) -> None:
    meter = FlickerMeter()
    (visible, infrared), (other_visible, other_infrared), _ = frames
    black = np.zeros_like(visible)
    meter.add(visible, infrared, black)
    meter.add(other_visible, infrared, black + 50)
    meter.add(other_visible, infrared, black)
    meter.add(visible, other_infrared, black + 50, follows=False)
    assert meter.ratio() is None
    assert "not measured" in flicker_sentence(None)


def test_the_ratio_is_told_beside_max() -> None:
    assert flicker_sentence(1.0812) == "flicker: 1.08 times max's"

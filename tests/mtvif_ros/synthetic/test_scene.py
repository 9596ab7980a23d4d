from typing import Any

import numpy as np
import pytest

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig


def test_a_frame_depends_on_seed_and_number_only() -> None:
    config = SceneConfig(seed=5, time="dusk", width=320, height=240)
    fresh, used = RoadScene(config), RoadScene(config)
    for index in range(3):
        used.frame(index)
    for a, b in zip(fresh.frame(9), used.frame(9)):
        np.testing.assert_array_equal(a, b)


def test_other_seeds_give_other_streets() -> None:
    a, b = (RoadScene(SceneConfig(seed=seed, width=320, height=240)).frame(0) for seed in (1, 2))
    assert (a.mask != b.mask).mean() > 0.05


def test_a_long_drive_shows_all_nine_classes() -> None:
    scene = RoadScene(SceneConfig(seed=2, width=320, height=240))
    seen: set[int] = set()
    for index in range(0, 500, 20):
        seen |= set(np.unique(scene.frame(index).mask).tolist())
    assert seen == set(range(len(STREET_NAMES)))


@pytest.mark.parametrize("size", [(640, 480), (320, 256), (1280, 720)])
def test_frames_have_the_size_asked_for(size: tuple[int, int]) -> None:
    width, height = size
    frame = RoadScene(SceneConfig(width=width, height=height)).frame(0)
    assert frame.rgb.shape == (height, width, 3)
    assert frame.ir.shape == frame.mask.shape == (height, width)


def test_persons_are_warm_at_night_where_the_eye_sees_little(night_frame: Frame) -> None:
    frames = [RoadScene(SceneConfig(seed=seed, time="night")).frame(40) for seed in range(3, 6)]
    persons = np.concatenate([frame.ir[frame.mask == 2] for frame in frames])
    street = np.concatenate([frame.ir[frame.mask == 0] for frame in frames])
    light = np.concatenate([frame.rgb[frame.mask == 2].mean(-1) for frame in frames])
    assert persons.mean() > street.mean() + 50
    assert light.mean() < 60


def test_misalignment_moves_infrared_by_about_the_pixels_asked_for() -> None:
    straight, moved = (
        RoadScene(SceneConfig(seed=1, misaligned=pixels)).frame(0).ir.astype(float) for pixels in (0.0, 4.0)
    )
    assert np.abs(straight - moved).mean() > 1.5


def test_smoke_hides_from_the_eye_what_infrared_sees() -> None:
    clear, smoky = (RoadScene(SceneConfig(seed=5, time="day", smoke=smoke)).frame(40) for smoke in (0.0, 0.9))
    np.testing.assert_array_equal(clear.mask, smoky.mask)
    left = [
        float(np.corrcoef(getattr(clear, name)[180:260].ravel(), getattr(smoky, name)[180:260].ravel())[0, 1])
        for name in ("rgb", "ir")
    ]
    assert left[0] < 0.8 and left[1] > 0.95


@pytest.mark.parametrize(("wrong", "told"), [({"time": "noon"}, "noon"), ({"smoke": 2.0}, "smoke: 2.0")])
def test_an_impossible_scene_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SceneConfig(**wrong)

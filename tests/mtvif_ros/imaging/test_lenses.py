from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from mtvif_ros.imaging.lenses import (
    Lens,
    LensError,
    LensRegistration,
    Pose,
    lens_of,
    pose_of,
    pose_values,
    read_pose,
)
from tests.mtvif_ros.rigs import INFRARED, SHIFT, VISIBLE, turned, view, wall

MATRIX = (260.0, 0.0, 162.0, 0.0, 262.0, 118.0, 0.0, 0.0, 1.0)
LENSES = {
    "none": ("plumb_bob", ()),
    "plumb_bob": ("plumb_bob", (-0.3, 0.1, 1e-3, -2e-3, -0.01)),
    "rational_polynomial": ("rational_polynomial", (0.3, 0.02, 1e-4, 2e-4, 0.01, 0.6, 0.05, 0.01)),
    "equidistant": ("equidistant", (0.05, -0.02, 0.01, -0.002)),
}


@pytest.fixture(params=LENSES)
def lens(request: pytest.FixtureRequest) -> Lens:
    return Lens((320, 240), MATRIX, *LENSES[request.param])


def test_a_point_far_outside_does_not_turn_back_into_the_picture() -> None:
    lens = Lens((320, 240), MATRIX, *LENSES["plumb_bob"])
    points = np.array([(0.2, 0.1, 1.0), (2.85, 0.0, 1.0), (0.0, 0.0, -1.0)])
    assert 0 < lens.project(points)[1, 0] < 320
    np.testing.assert_array_equal(np.isnan(lens.seen(points)).all(axis=1), (False, True, True))


def test_points_are_projected_as_opencv_does_it(lens: Lens, rng: np.random.Generator) -> None:
    points = np.column_stack((rng.uniform(-1, 1, (50, 2)), rng.uniform(1.5, 9, 50)))
    project: Any = cv2.fisheye.projectPoints if lens.model == "equidistant" else cv2.projectPoints
    matrix, distortion = np.reshape(MATRIX, (3, 3)), np.array(lens.coefficients or (0.0,) * 4)
    wanted = project(points[:, None], np.zeros(3), np.zeros(3), matrix, distortion)[0].reshape(-1, 2)
    assert lens.project(points) == pytest.approx(wanted, abs=1e-6)


def test_a_ray_leads_back_to_its_pixel(lens: Lens) -> None:
    across, down = np.meshgrid(np.linspace(0, 319, 9), np.linspace(0, 239, 7))
    pixels = np.stack((across.ravel(), down.ravel()), axis=1)
    rays = lens.rays(pixels)
    assert lens.project(np.column_stack((rays, np.ones(len(rays)))) * 4) == pytest.approx(pixels, abs=1e-3)


def test_what_lies_behind_is_not_seen() -> None:
    assert np.isnan(VISIBLE.project(np.array([[0.1, 0.1, -2.0]]))).all()


def test_a_lens_does_not_see_what_its_polynomial_folds_into_its_picture() -> None:
    wide = Lens((400, 400), (100.0, 0, 199.5, 0, 100.0, 199.5, 0, 0, 1), "equidistant")
    folding = Lens((160, 120), (260.0, 0, 79.5, 0, 260.0, 59.5, 0, 0, 1), "plumb_bob", (-0.5, 0.0, 0.0, 0.0))
    ahead, aside = wide.project(np.array([[0.0, 0.0, 1.0], [np.sqrt(2), 0.0, 1.0]]))
    assert folding.project(np.array([[np.sqrt(2), 0.0, 1.0]])) == pytest.approx(np.array([[79.5, 59.5]]))
    seen = LensRegistration(wide, folding, Pose(), 5.0).infrared_pixels(np.stack((ahead, aside)))
    assert seen[0] == pytest.approx((79.5, 59.5)) and np.isnan(seen[1]).all()


@pytest.mark.parametrize("distance", [2.0, 10.0])
def test_infrared_lies_on_the_visible_pixels_at_the_distance(distance: float) -> None:
    picture, pose = wall(), turned(1.0, -2.0, 1.5)
    visible, infrared = view(VISIBLE, picture, distance), view(INFRARED, picture, distance, pose)
    rig = LensRegistration(VISIBLE, INFRARED, pose, distance)
    laid = rig(infrared, VISIBLE.size, VISIBLE.size)
    seen = rig(np.full_like(infrared, 255), VISIBLE.size, VISIBLE.size) == 255
    assert seen.mean() > 0.7 and (laid[:3, :3] == 0).all()
    assert np.abs(laid[seen].astype(int) - visible[seen]).mean() < 3
    elsewhere = replace(rig, distance=distance / 2)(infrared, VISIBLE.size, VISIBLE.size)
    assert np.abs(elsewhere[seen].astype(int) - visible[seen]).mean() > 8


def test_frames_may_be_scaled_from_the_lenses_sizes() -> None:
    picture, pose = wall(), turned(0.5, 1.0, 0.0)
    rig = LensRegistration(VISIBLE, INFRARED, pose, 6.0)
    infrared = view(INFRARED, picture, 6.0, pose)
    whole = rig(infrared, VISIBLE.size, VISIBLE.size)
    half = rig(
        np.asarray(cv2.resize(infrared, (128, 96), interpolation=cv2.INTER_AREA)), (640, 480), (160, 120)
    )
    shrunk = cv2.resize(whole, (160, 120), interpolation=cv2.INTER_AREA)
    assert np.abs(half[8:-8, 8:-8].astype(int) - shrunk[8:-8, 8:-8]).mean() < 6


def test_the_parallax_left_is_that_of_the_baseline() -> None:
    pinhole = Lens((640, 480), (500.0, 0, 320.0, 0, 500.0, 240.0, 0, 0, 1))
    rig = LensRegistration(pinhole, pinhole, Pose(translation=(-0.1, 0.0, 0.0)), 10.0)
    assert [rig.parallax(z) for z in (2.0, 10.0, 50.0)] == pytest.approx([20.0, 0.0, 4.0], abs=1e-6)


def message(**changes: object) -> SimpleNamespace:
    values = {"width": 320, "height": 240, "k": MATRIX, "d": [], "distortion_model": "plumb_bob"}
    values["p"] = (200.0, 0, 150.0, 0, 0, 201.0, 110.0, 0, 0, 0, 1, 0)
    values["roi"] = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    return SimpleNamespace(**values | changes)


def test_a_lens_is_read_from_camera_info() -> None:
    assert lens_of(message()) == Lens((320, 240), MATRIX)
    assert lens_of(message(distortion_model="")) == Lens((320, 240), MATRIX)
    rectified = lens_of(message(d=[0.1] * 5), "/cam/image_rect_color")
    assert rectified == Lens((320, 240), (200.0, 0, 150.0, 0, 201.0, 110.0, 0, 0, 1))


@pytest.mark.parametrize("topic", ["/cam/direct", "/thermal/image_nuc_corrected", "/rect/image_raw"])
def test_only_the_names_of_rectified_images_say_that_they_are(topic: str) -> None:
    assert lens_of(message(), topic) == lens_of(message())


def test_a_lens_shrinks_to_the_region_of_interest() -> None:
    roi = SimpleNamespace(x_offset=40, y_offset=30, width=160, height=120)
    whole, part = lens_of(message()), lens_of(message(roi=roi))
    assert part.size == (160, 120)
    ahead = np.array([[0.1, -0.05, 1.0]])
    np.testing.assert_allclose(part.seen(ahead), whole.seen(ahead) - (40, 30))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"k": [0.0] * 9}, "is not calibrated"),
        ({"distortion_model": "kannala_brandt"}, "distortion model 'kannala_brandt'; known are plumb_bob"),
        ({"d": [0.1] * 8}, "more than the 5 coefficients of plumb_bob"),
        ({"width": 0}, "has no size"),
    ],
)
def test_a_lens_that_cannot_be_used_is_told(changes: dict[str, object], told: str) -> None:
    with pytest.raises(LensError, match=told):
        lens_of(message(**changes))


def test_a_pose_is_read_from_tf_and_survives_its_file(tmp_path: Path) -> None:
    half = np.radians(15)
    turn = SimpleNamespace(x=0.0, y=0.0, z=float(np.sin(half)), w=float(np.cos(half)))
    pose = pose_of(SimpleNamespace(rotation=turn, translation=SimpleNamespace(x=SHIFT[0], y=0.0, z=0.0)))
    assert pose.rotation_matrix()[:2, :2] == pytest.approx(np.array([[0.866, -0.5], [0.5, 0.866]]), abs=1e-3)
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(pose_values(pose)))
    assert read_pose(path) == pose
    path.write_text("homography: []")
    assert read_pose(path) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pose: {rotation: [[1, 0, 0]], translation: [0, 0, 0]}", "r.yaml: pose: needs rotation"),
        ("pose: {translation: [0, 0, 0]}", "r.yaml: pose needs rotation"),
        ("pose: {rotation: [[2,0,0],[0,1,0],[0,0,1]], translation: [0, 0, 0]}", "is no rotation"),
        (
            "pose: {rotation: [[1,0,0],[0,1,0],[0,0,1]], translation: [.nan, 0, 0]}",
            "r.yaml: pose: .* all finite",
        ),
        pytest.param(
            f"pose: {{rotation: [[1,0,0],[0,1,0],[0,0,1]], translation: [1{400 * '0'}, 0, 0]}}",
            "r.yaml: pose needs",
            id="huge",
        ),
        ("[", "r.yaml: pose needs"),
        pytest.param(3000 * "[", "r.yaml: pose needs", id="deep"),
    ],
)
def test_a_pose_that_cannot_be_used_is_named(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(LensError, match=told):
        read_pose(tmp_path / "r.yaml")
    with pytest.raises(LensError, match="make this file"):
        read_pose(tmp_path / "none.yaml")

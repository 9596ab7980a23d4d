import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile

pytest.importorskip("nav_msgs.msg", reason="nav_msgs is not installed; requirements/runtime.txt brings it")
from nav_msgs.msg import OccupancyGrid

from examples import occupancy_grid
from examples.occupancy_grid import OccupancyGridNode, ground_homography, occupancy
from mtvif_ros.imaging.codec import read_grey
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.synthetic import Frame
from tests.examples.street import CAMERA, CAR, PERSON, mask_of
from tests.mtvif_ros.node.cameras import Cameras, ros_arguments

Running = Callable[..., AbstractContextManager[FusionNode]]

AREA, CELL = np.array([0.0, -8.0, 30.0, 8.0]), 0.1
GROUND = ground_homography(CAMERA.matrix(), CAMERA.eye, 0.0)


def grid_of(mask: npt.NDArray[Any], area: npt.NDArray[Any] = AREA) -> npt.NDArray[Any]:
    """The grid of a mask whose classes but 0 are certain obstacles; 255 is unknown."""
    kinds = np.where(mask == 255, -1, mask > 0)
    return occupancy(kinds, (kinds == 1).astype(float), GROUND, area, CELL)


def occupied(grid: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The middles (N, 2) of occupied cells, ahead and left, in m."""
    rows, columns = np.nonzero(grid == 100)
    return np.column_stack((columns, rows)) * CELL + AREA[:2] + CELL / 2


def value_at(grid: npt.NDArray[Any], ahead: float, left: float) -> int:
    return int(grid[int((left - AREA[1]) / CELL), int((ahead - AREA[0]) / CELL)])


def tolerance(distance: float) -> float:
    """A cell, and what one row of pixels spans on the ground at a distance in m."""
    return CELL + distance**2 / (CAMERA.focal * CAMERA.eye)


@pytest.mark.parametrize("pitch", [-0.1, 0.0, 0.3])
def test_the_homography_brings_pixels_of_the_ground_to_metres(pitch: float) -> None:
    ahead, left, height = 7.0, 1.5, 1.2
    sin, cos = np.sin(pitch), np.cos(pitch)
    seen = np.array([-left, height * cos - ahead * sin, height * sin + ahead * cos])
    pixel = CAMERA.matrix() @ seen / seen[2]
    x, y, scale = ground_homography(CAMERA.matrix(), height, pitch) @ pixel
    np.testing.assert_allclose((x / scale, y / scale), (ahead, left))


@pytest.mark.parametrize(("right", "distance"), [(0.0, 5.0), (-2.0, 8.0), (3.0, 14.0), (1.0, 22.0)])
def test_a_person_stands_in_the_grid_where_the_scene_has_them(right: float, distance: float) -> None:
    cells = occupied(grid_of(mask_of((PERSON, right, distance))))
    off = np.linalg.norm(cells - (distance, -right), axis=1)
    assert off.min() < tolerance(distance)
    assert cells[:, 0].min() > distance - tolerance(distance)


def test_a_car_shows_its_near_end_between_both_wheels() -> None:
    distance = 10.0
    cells = occupied(grid_of(mask_of((CAR, 1.0, distance))))
    for wheel in (1.0 - 0.75, 1.0 + 0.75):
        assert np.linalg.norm(cells - (distance, -wheel), axis=1).min() < tolerance(distance)
    # Between them it hangs 0.2 m above the road, which a camera at 1.5 m would see 1.5 m farther away.
    rear = cells[np.abs(cells[:, 1] / cells[:, 0] * distance + 1.0) < 0.7]
    assert np.abs(rear[:, 0] - distance).max() < tolerance(distance)


def test_a_thing_between_two_others_stays_behind_them() -> None:
    grid = grid_of(mask_of((PERSON, -1.0, 8.0), (PERSON, 1.0, 8.0), (CAR, 0.0, 16.0)))
    assert [value_at(grid, ahead, 0.0) for ahead in (7.0, 9.0, 12.0, 15.0)] == [0, 0, 0, 0]
    cells = occupied(grid)
    rear = cells[np.abs(cells[:, 1]) < 0.7]
    assert np.abs(rear[:, 0] - 16.0).max() < tolerance(16.0)


def test_ground_before_a_thing_is_free_and_what_it_hides_is_unknown() -> None:
    grid = grid_of(mask_of((PERSON, 0.0, 8.0)))
    assert value_at(grid, 7.0, 0.0) == 0
    assert [value_at(grid, ahead, 0.0) for ahead in (9.0, 15.0, 25.0)] == [-1, -1, -1]
    assert value_at(grid, 15.0, 4.0) == 0


def test_a_pole_narrower_than_a_cell_is_not_missed() -> None:
    for column in range(300, 340):
        mask = np.zeros((480, 640), np.uint8)
        mask[100:420, column] = 1
        assert (grid_of(mask) == 100).any()


def test_what_is_not_seen_or_not_known_is_unknown() -> None:
    mask = np.zeros((480, 640), np.uint8)
    mask[:, :320] = 255
    around = np.array([-10.0, -8.0, 30.0, 8.0])
    grid = grid_of(mask, around)
    known = np.argwhere(grid >= 0) * CELL + around[1::-1]
    assert known[:, 1].min() > 2  # neither behind the camera nor below its view
    assert known[:, 0].max() < CELL  # nor on the left


def test_the_sign_of_a_homography_does_not_matter() -> None:
    mask = mask_of((CAR, -1.0, 7.0), (PERSON, 2.0, 11.0))
    kinds = (mask > 0).astype(np.int8)
    given, turned = (occupancy(kinds, kinds.astype(float), sign * GROUND, AREA, CELL) for sign in (1, -1))
    np.testing.assert_array_equal(given, turned)


def test_a_camera_that_looks_straight_down_needs_no_horizon() -> None:
    kinds = np.zeros((480, 640), np.int8)
    kinds[100:120, 300:340] = 1
    down = ground_homography(CAMERA.matrix(), 5.0, np.pi / 2)
    grid = occupancy(kinds, kinds.astype(float), down, np.array([-2.0, -2.0, 2.0, 2.0]), CELL)
    rows, columns = np.nonzero(grid == 100)
    x, y, scale = down @ (320, 119, 1)
    np.testing.assert_allclose(
        np.column_stack((columns, rows)).mean(0) * CELL - 2 + CELL / 2, (x / scale, y / scale), atol=CELL
    )


def parameters(**others: object) -> dict[str, object]:
    return {"k": [72.0, 0.0, 40.0, 0.0, 72.0, 10.0, 0.0, 0.0, 1.0], "height": 1.5, **others}


@pytest.mark.parametrize("with_confidence", [False, True])
def test_the_node_publishes_a_grid_for_each_mask(
    cameras: Cameras, running: Running, small_frame: Frame, certain_model: Path, with_confidence: bool
) -> None:
    grids: list[OccupancyGrid] = []
    latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    cameras.node.create_subscription(OccupancyGrid, "mtvif/occupancy", grids.append, latched)
    node = OccupancyGridNode(context=cameras.context, cli_args=ros_arguments(parameters()))
    cameras.executor.add_node(node)
    with running({"model": certain_model} if with_confidence else None):
        assert cameras.ask_until(small_frame, lambda: grids)
    cameras.executor.remove_node(node)
    node.destroy_node()
    grid = grids[-1]
    (mask,) = (one for one in cameras.masks if one.header.stamp == grid.header.stamp)
    assert grid.header.frame_id == "camera_ground"
    assert (grid.info.width, grid.info.height, grid.info.origin.position.y) == (300, 200, -10.0)
    kinds = (read_grey(mask) == 1).astype(int)
    certain = small_frame.ir / 255 if with_confidence else np.ones(kinds.shape)
    k = np.array(parameters()["k"], float).reshape(3, 3)
    area = np.array(occupancy_grid.PARAMETERS["area"])
    chance = np.where(kinds == 1, certain, 1 - certain)
    expected = occupancy(kinds, chance, ground_homography(k, 1.5, 0.0), area, 0.1)
    np.testing.assert_array_equal(np.reshape(grid.data, expected.shape), expected)
    assert expected.max() > 50 and expected.min() == -1


def test_a_class_that_the_model_lacks_is_refused_by_name(
    cameras: Cameras, running: Running, small_frame: Frame
) -> None:
    arguments = ros_arguments(parameters(obstacles=["cat"]))
    node = OccupancyGridNode(context=cameras.context, cli_args=arguments)
    cameras.executor.add_node(node)
    with running(), pytest.raises(ValueError, match=r"^obstacles: cat not among background, car, "):
        cameras.ask_until(small_frame, lambda: False)
    cameras.executor.remove_node(node)
    node.destroy_node()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "k, height: "),
        (parameters(height=0.0), "k, height: "),
        (parameters(k=[1.0, 2.0]), "k: [1.0, 2.0] is not 9 finite numbers"),
        (parameters(resolution=0.0), "area: "),
        (
            parameters(area=[5.0, 1.0, 4.0, 2.0]),
            "area: [5.0, 1.0, 4.0, 2.0], x, y, x, y in m, has no cell of 0.1 m",
        ),
    ],
)
def test_wrong_values_are_told_by_parameter(cameras: Cameras, given: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError) as refusal:
        OccupancyGridNode(context=cameras.context, cli_args=ros_arguments(given))
    assert str(refusal.value).startswith(told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (ros_arguments({"pitch": "steep"}), "pitch"),
        (["--ros-args", "--params-file", "/nowhere.yaml"], "/nowhere.yaml"),
    ],
)
def test_the_command_ends_with_one_line_on_wrong_values(arguments: list[str], told: str) -> None:
    command = [sys.executable, occupancy_grid.__file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=None)
    assert done.returncode == 1
    *of_rcl, line = done.stderr.splitlines()
    assert line.startswith("occupancy_grid: ") and told in line
    assert all("[rcl]" in other for other in of_rcl)

"""Publish the mask's obstacles as an occupancy grid on the ground, for Nav2's static layer.

A column of the picture is read like a beam of a laser scanner: free up to the lowest obstacle pixel, where a
thing stands; occupied there; unknown beyond, so that a tall person does not smear to the horizon. A cell is a
probability in percent: 100 c for an obstacle of confidence c, 100 (1 - c) otherwise, with c = 1 where the
model gives none. What is unseen, or 255 in the mask, is -1. The ground is flat, the lens without distortion.
"""

from __future__ import annotations

import array
import sys
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from nav_msgs.msg import OccupancyGrid
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from mtvif_ros.node.client import Answer, Answers, declare, run_node

Matrix = npt.NDArray[np.float64]
PARAMETERS: dict[str, Any] = {
    "fusion_node": "fusion_node",
    "obstacles": ["car", "person", "bike", "car_stop", "guardrail", "color_cone"],
    "k": [0.0] * 9,  # of camera_info, row by row
    "height": 1.0,  # of the camera above the ground, in m
    "pitch": 0.0,  # of the camera, in rad, positive where it looks down
    "homography": [0.0] * 9,  # pixels to metres on the ground, in place of k, height and pitch
    "frame_id": "camera_ground",  # below the camera: x ahead, y left
    "area": [0.0, -10.0, 30.0, 10.0],  # of the grid, in m: from x, y to x, y
    "resolution": 0.1,  # of the grid, in m
}


def ground_homography(k: Matrix, height: float, pitch: float) -> Matrix:
    """Return the (3, 3) from pixels to metres on the ground: x ahead of the camera, y left of it.

    k is (3, 3) in pixels, height in m, pitch in rad and positive where the camera looks down.
    """
    sin, cos = np.sin(pitch), np.cos(pitch)
    return np.linalg.inv(k @ [[0, -1, 0], [-sin, 0, height * cos], [cos, 0, height * sin]])


def occupancy(
    kinds: npt.NDArray[Any], chance: Matrix, to_ground: Matrix, area: Matrix, cell: float
) -> npt.NDArray[np.int8]:
    """Return the grid (Y, X): 0 free .. 100 occupied, -1 unknown.

    kinds (H, W) is 1 for obstacles, 0 free, -1 unknown; chance (H, W), 0 .. 1, is that of an obstacle;
    to_ground (3, 3) brings pixels to metres; area (x, y, x, y) and cell are in metres.
    """
    rows, columns = np.indices(kinds.shape)
    nearness = to_ground[2] @ np.stack((columns, rows, np.ones_like(rows)), axis=1)  # 0 at the horizon
    nearness *= np.sign(nearness[-1, kinds.shape[1] // 2])
    foot = np.where((kinds == 1) & (nearness > 0), rows, -1).max(0)
    column = np.flatnonzero(foot >= 0)
    percent = (100 * chance[foot[column], column]).astype(np.float32)
    near = np.where(foot >= 0, nearness[foot, columns[0]], 0)
    line = _between_feet(near, (1.5 * near / np.linalg.norm(to_ground[:2, 0])).astype(int))
    foot = np.where(line > near, (nearness < line).sum(0).clip(max=len(rows) - 1), foot)
    values = np.where((nearness > 0) & (kinds >= 0) & (rows >= foot), 100 * chance, -1).astype(np.float32)
    values[foot[column], column] = percent
    to_cells = np.array([[1, 0, -area[0] - cell / 2], [0, 1, -area[1] - cell / 2], [0, 0, cell]]) @ to_ground
    size = np.rint((area[2:] - area[:2]) / cell).astype(int)
    grid = cv2.warpPerspective(values, to_cells, size.tolist(), flags=cv2.INTER_NEAREST, borderValue=-1)
    # Close by, a cell spans many pixels, and the one in its middle may miss a foot.
    x, y, scale = to_cells @ np.stack((column, foot[column], np.ones_like(column)))
    cells = np.rint((y / scale, x / scale)).astype(int)
    inside = ((cells >= 0) & (cells < size[::-1, None])).all(0)
    np.maximum.at(grid, tuple(cells[:, inside]), percent[inside])
    return np.rint(grid).astype(np.int8)


def _between_feet(near: Matrix, reach: npt.NDArray[np.int_]) -> Matrix:
    """Bring what hangs between nearer feet to the line between them, as a car's body stands on its wheels.

    near (W,) is one over the distance, 0 where nothing stands; feet count up to reach (W,) columns away. What
    would hang higher than a fifth of the camera's height is a thing farther away, and stays there.
    """
    spans = [(near[max(0, u - far) : u + 1], near[u : u + far + 1]) for u, far in enumerate(reach)]
    line = np.array([min(left.max(), right.max()) for left, right in spans])
    return np.where(near > 0.8 * line, line, near)


class OccupancyGridNode(Node):
    """Publish `mtvif/occupancy` for each mask."""

    def __init__(self, **options: Any):
        super().__init__("occupancy_grid", **options)
        self._given = given = declare(self, PARAMETERS)
        self._area, self._to_ground = np.array(given.area), np.reshape(given.homography, (3, 3))
        if given.resolution <= 0 or min(self._area[2:] - self._area[:2]) < given.resolution:
            raise ValueError(
                f"area: {self._area.tolist()}, x, y, x, y in m, has no cell of {given.resolution} m"
            )
        if not self._to_ground.any():
            if min(given.k[0], given.k[4], given.k[8], given.height) <= 0:
                raise ValueError("k, height: give camera_info's k and a height above 0, or homography")
            self._to_ground = ground_homography(np.reshape(given.k, (3, 3)), given.height, given.pitch)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # as Nav2 expects of maps
        self._publisher = self.create_publisher(OccupancyGrid, "mtvif/occupancy", latched)
        self._answers = Answers(self, given.fusion_node, self._publish)

    def _publish(self, answer: Answer) -> None:
        given, table = self._given, np.full(256, -1, np.int8)
        if missing := set(given.obstacles) - set(answer.names):
            raise ValueError(f"obstacles: {', '.join(sorted(missing))} not among {', '.join(answer.names)}")
        table[: len(answer.names)] = np.isin(answer.names, given.obstacles)
        kinds, certain = table[answer.mask], answer.confidence / 255
        chance = np.where(kinds == 1, certain, 1 - certain)
        grid = occupancy(kinds, chance, self._to_ground, self._area, given.resolution)
        message = OccupancyGrid(header=answer.header, data=array.array("b", grid.tobytes()))
        message.header.frame_id = given.frame_id
        message.info.resolution, (message.info.height, message.info.width) = given.resolution, grid.shape
        message.info.origin.position.x, message.info.origin.position.y = given.area[:2]
        self._publisher.publish(message)


if __name__ == "__main__":
    sys.exit(run_node("occupancy_grid", OccupancyGridNode))

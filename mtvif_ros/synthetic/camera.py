"""Project the world onto the image.

World coordinates are in metres: x right, y up from the road, z ahead of the camera. The camera looks along z
from `eye` metres above the road; a shifted principal point stands in for its pitch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Homography = npt.NDArray[np.float64]

_NEAR = 0.6


@dataclass(frozen=True)
class Camera:
    """Hold a pinhole camera's image size and intrinsics in pixels."""

    width: int
    height: int
    eye: float = 1.5

    @property
    def focal(self) -> float:
        """Focal length; the horizontal field of view is 58 degrees."""
        return 0.9 * self.width

    @property
    def centre(self) -> tuple[float, float]:
        """Principal point; its row is the horizon."""
        return self.width / 2, self.height * 0.43

    def project(self, points: Points) -> Points:
        """Return the pixels (N, 2) of world points (N, 3); those behind the camera move in front of it."""
        scale, lift, centre = self._projection
        pixels = points[:, :2] * scale
        pixels += lift
        pixels /= np.maximum(points[:, 2:], _NEAR)
        pixels += centre
        return pixels

    @cached_property
    def _projection(self) -> tuple[Points, Points, Points]:
        return (
            np.array((self.focal, -self.focal)),
            np.array((0, self.focal * self.eye)),
            np.array(self.centre),
        )

    def sees(self, x: float, z: float, half_width: float) -> bool:
        """Say whether something `half_width` m to either side of (x, z) may lie in the image."""
        return (abs(x) - half_width) * self.focal < max(z, _NEAR) * self.width / 2

    def matrix(self) -> npt.NDArray[np.float64]:
        """Return the camera matrix K (3, 3) of camera_info."""
        cx, cy = self.centre
        return np.array([[self.focal, 0, cx], [0, self.focal, cy], [0, 0, 1]])

    def ground_homography(self, left: float, start: float, scale: tuple[float, float]) -> Homography:
        """Map a texture of the road (columns x, rows z) to the image.

        The first column is at x = `left`, the first row at z = `start`. `scale` is in pixels per metre, along
        columns and rows.
        """
        cx, cy = self.centre
        to_world = np.array([[1 / scale[0], 0, left], [0, 1 / scale[1], start], [0, 0, 1]])
        to_image = np.array([[self.focal, cx, 0], [0, cy, self.focal * self.eye], [0, 1, 0]])
        return np.asarray(to_image @ to_world)

    def wall_homography(self, x: float, top: float, start: float, scale: tuple[float, float]) -> Homography:
        """Map a texture of a vertical plane at `x` (columns z, rows down from `top`) to the image."""
        cx, cy = self.centre
        to_world = np.array([[1 / scale[0], 0, start], [0, -1 / scale[1], top], [0, 0, 1]])
        to_image = np.array([[cx, 0, self.focal * x], [cy, -self.focal, self.focal * self.eye], [1, 0, 0]])
        return np.asarray(to_image @ to_world)

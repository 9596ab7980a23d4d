"""Map infrared onto visible pixels through the lenses of both cameras, for things at one distance."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from mtvif_ros.command_line import in_short
from mtvif_ros.image import AnyImage
from mtvif_ros.imaging.registration import OUTSIDE, UNUSABLE
from mtvif_ros.imaging.resize import WidthHeight, scaled

Points = npt.NDArray[np.float64]

# The most coefficients of each model of sensor_msgs/CameraInfo.
MODELS = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}

_RECTIFIED = re.compile(r"(^|_)rect(ified)?(_|$)")  # in the names of ROS's rectified images
_UNSEEN = -1000.0  # outside of every frame
_STEPS = 10  # of the search for an undistorted point
_CLOSE = 1e-6  # of the focal length, to which the search must come


class LensError(ValueError):
    """Say what is wrong with a lens, a pose or its file, and how to get a good one."""


@dataclass(frozen=True)
class Lens:
    """Hold a camera's (width, height), its matrix K (3, 3), row by row, and its distortion, as camera_info.

    Raises LensError for what is no calibrated lens.
    """

    size: WidthHeight
    matrix: tuple[float, ...]
    model: str = "plumb_bob"
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        numbers = (*self.matrix, *self.coefficients)
        if (
            len(self.matrix) != 9
            or not np.isfinite(numbers).all()
            or min(self.matrix[0], self.matrix[4]) <= 0
        ):
            raise LensError("is not calibrated: its matrix K has no focal lengths")
        if min(self.size) < 1:
            raise LensError(f"has no size: {self.size}")
        if self.model not in MODELS:
            raise LensError(f"has the distortion model {self.model!r}; known are {', '.join(MODELS)}")
        if len(self.coefficients) > MODELS[self.model] and any(self.coefficients[MODELS[self.model] :]):
            raise LensError(f"has more than the {MODELS[self.model]} coefficients of {self.model}")

    @property
    def focal(self) -> float:
        """Mean focal length in pixels."""
        return (self.matrix[0] + self.matrix[4]) / 2

    def project(self, points: Points) -> Points:
        """Return the pixels (N, 2) of points (N, 3) in m: x right, y down, z ahead; NaN for those behind."""
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = points[:, :2] / np.where(points[:, 2:] > 0, points[:, 2:], np.nan)
        distorted = self._distort(flat)
        return np.asarray(distorted @ self._matrix()[:2, :2].T + self._matrix()[:2, 2])

    def seen(self, points: Points) -> Points:
        """Return what `project` does, and NaN for points outside of the picture by more than a tenth of it.

        So far out, a lens's polynomial turns back into the picture.
        """
        pixels = self.project(points)
        pixels[np.hypot(points[:, 0], points[:, 1]) > _reach(self) * points[:, 2]] = np.nan
        return pixels

    def rays(self, pixels: Points) -> Points:
        """Return the points (N, 2) at 1 m ahead that are seen at pixels (N, 2); NaN where the model ends."""
        inverse = np.linalg.inv(self._matrix()[:2, :2])
        distorted: Points = np.asarray((pixels - self._matrix()[:2, 2]) @ inverse.T, np.float64)
        flat = self._start(distorted)
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(_STEPS):
                off = self._distort(flat) - distorted
                lost = ~(np.abs(off).max(axis=1) < _CLOSE)
                if not lost.any():
                    break
                flat = flat - off
        flat[lost] = np.nan
        return flat

    def _matrix(self) -> Points:
        return np.array(self.matrix, np.float64).reshape(3, 3)

    def _padded(self) -> Points:
        return np.array((*self.coefficients, *(8 * (0.0,))), np.float64)[:8]

    def _start(self, distorted: Points) -> Points:
        if not len(distorted) or (not any(self.coefficients) and self.model != "equidistant"):
            return distorted.copy()
        undistort: Any = cv2.fisheye.undistortPoints if self.model == "equidistant" else cv2.undistortPoints
        used = self._padded()[: MODELS[self.model]]
        return np.asarray(undistort(distorted[:, None], np.eye(3), used), np.float64)[:, 0]

    def _distort(self, flat: Points) -> Points:
        """Return distorted points (N, 2), in focal lengths, as OpenCV's documentation defines the models."""
        x, y = flat.T
        square = x * x + y * y
        k = self._padded()
        if self.model == "equidistant":
            far = np.sqrt(square)
            angle = np.arctan(far)
            turn = angle * _series(angle * angle, 1.0, *k[:4])
            return np.asarray(flat * np.where(far > 1e-9, turn / np.maximum(far, 1e-9), 1.0)[:, None])
        radial = _series(square, 1.0, k[0], k[1], k[4]) / _series(square, 1.0, *k[5:])
        across = x * radial + 2 * k[2] * x * y + k[3] * (square + 2 * x * x)
        down = y * radial + k[2] * (square + 2 * y * y) + 2 * k[3] * x * y
        return np.stack((across, down), axis=1)


@dataclass(frozen=True)
class Pose:
    """Take points of the visible camera's optical frame into the infrared one's: rotation (3, 3), row by row,
    then translation in m. Raises LensError for what is no rotation.
    """

    rotation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    translation: tuple[float, ...] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        numbers = (*self.rotation, *self.translation)
        if len(self.rotation) != 9 or len(self.translation) != 3 or not np.isfinite(numbers).all():
            raise LensError(
                "pose: needs rotation (three rows of three) and translation (three numbers, in m), all finite"
            )
        turn = self.rotation_matrix()
        if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) or np.linalg.det(turn) < 0:
            raise LensError(f"pose: {self.rotation} is no rotation")

    def rotation_matrix(self) -> Points:
        """Return the rotation as (3, 3)."""
        return np.array(self.rotation, np.float64).reshape(3, 3)


@dataclass(frozen=True)
class LensRegistration:
    """Map infrared onto visible pixels for what lies `distance` m ahead of the visible camera.

    Frames may be scaled from the sizes of the lenses. Nearer and farther things keep a parallax.
    """

    visible: Lens
    infrared: Lens
    pose: Pose
    distance: float

    def __call__(self, ir: AnyImage, visible_size: WidthHeight, size: WidthHeight) -> AnyImage:
        """Warp `ir` (h, w) onto a visible frame of `visible_size` (width, height), scaled to `size`."""
        del visible_size  # the lens has one
        given = (ir.shape[1], ir.shape[0])
        if given[0] > size[0] or given[1] > size[1]:
            ir, given = scaled(ir, size), size  # warping without it would skip pixels
        outside = OUTSIDE[ir.dtype.kind]
        return np.asarray(cv2.remap(ir, *_table(self, given, size), cv2.INTER_LINEAR, borderValue=outside))

    def infrared_pixels(self, visible_pixels: Points) -> Points:
        """Return where (N, 2) infrared sees what lies at visible pixels (N, 2); NaN where it cannot."""
        return self._seen(self.visible.rays(visible_pixels))

    def parallax(self, distance: float) -> float:
        """Return by how many visible pixels things `distance` m ahead are off, as a median over the frame."""
        across, down = (np.linspace(0.1, 0.9, 9) * side for side in self.visible.size)
        places = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
        off = replace(self, distance=distance).infrared_pixels(places) - self.infrared_pixels(places)
        return float(np.nanmedian(np.linalg.norm(off, axis=1))) * self.visible.focal / self.infrared.focal

    def _seen(self, rays: Points) -> Points:
        points = np.column_stack((rays, np.ones(len(rays)))) * self.distance
        points = points @ self.pose.rotation_matrix().T + self.pose.translation
        return self.infrared.seen(points)


@lru_cache(maxsize=8)
def _reach(lens: Lens) -> float:
    """Return how far from the axis, at 1 m ahead, the lens's picture and a tenth more of it ends."""
    across, down = (np.array((0, side / 2, side)) - 0.5 for side in lens.size)
    border = lens.rays(np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2))
    return 1.1 * float(np.nanmax(np.linalg.norm(border, axis=1)))


@lru_cache(maxsize=8)
def _rays(lens: Lens, size: WidthHeight) -> Points:
    """Return the rays of all pixels of a frame scaled to `size`, row by row, whatever the distance."""
    across, down = (_scaled_axis(*sides) for sides in zip(size, lens.size))
    return lens.rays(np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2))


@lru_cache(maxsize=4)
def _table(
    registration: LensRegistration, given: WidthHeight, size: WidthHeight
) -> tuple[AnyImage, AnyImage]:
    """Return cv2.remap's table from an infrared frame of size `given` to a visible one of `size`."""
    pixels = registration._seen(_rays(registration.visible, size))
    share = np.array(given) / registration.infrared.size
    pixels = np.where(np.isfinite(pixels), pixels * share + (share - 1) / 2, _UNSEEN)
    pixels = np.clip(pixels, _UNSEEN, max(given) - _UNSEEN)
    across, down = (np.asarray(side, np.float32).reshape(size[::-1]) for side in pixels.T)
    # Whole numbers and a table of fractions: a third of the time.
    table = cv2.convertMaps(across, down, cv2.CV_16SC2)
    return np.asarray(table[0]), np.asarray(table[1])


def _series(x: Points, *factors: float) -> Points:
    """Return the sum of factors times rising powers of x, which numpy's own powers would take long for."""
    total = np.full_like(x, factors[-1])
    for factor in factors[-2::-1]:
        total = total * x + factor
    return total


def _scaled_axis(given: int, wanted: int) -> Points:
    """Return where the pixel centres of `given` pixels lie among `wanted`, as cv2.resize does it."""
    return np.asarray((np.arange(given) + 0.5) * wanted / given - 0.5)


def lens_of(info: Any, topic: str = "") -> Lens:
    """Return the lens that a sensor_msgs/CameraInfo describes.

    A `topic` of rectified images, such as image_rect_color, has the matrix P and no distortion. Where the
    camera sends a region of interest, so does the lens. Raises LensError.
    """
    size = (int(info.roi.width or info.width), int(info.roi.height or info.height))
    is_rectified = _RECTIFIED.search(topic.rpartition("/")[2]) is not None
    given = np.array(info.p if is_rectified else info.k, np.float64)
    matrix = given.reshape(3, -1)[:, :3].copy()
    matrix[:2, 2] -= info.roi.x_offset, info.roi.y_offset
    values = tuple(float(value) for value in matrix.ravel())
    if is_rectified:
        return Lens(size, values)
    coefficients = tuple(float(value) for value in info.d)
    model = info.distortion_model or ("plumb_bob" if not any(coefficients) else "")
    return Lens(size, values, model, coefficients)


def pose_of(transform: Any) -> Pose:
    """Return the pose that a geometry_msgs/Transform, from visible to infrared frame, describes."""
    turn, shift = transform.rotation, transform.translation
    return Pose(
        tuple(_rotation(turn.x, turn.y, turn.z, turn.w).ravel().tolist()), (shift.x, shift.y, shift.z)
    )


def _rotation(x: float, y: float, z: float, w: float) -> Points:
    length = float(np.sqrt(x * x + y * y + z * z + w * w)) or 1.0
    x, y, z, w = x / length, y / length, z / length, w / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def read_pose(path: Path) -> Pose | None:
    """Read the pose in a calibration file, None where it has none. Raises LensError, which names the file."""
    try:
        values: Any = yaml.safe_load(path.read_text())
        if "pose" not in values:
            return None
        pose = values["pose"]
        return Pose(
            tuple(float(value) for row in pose["rotation"] for value in row),
            tuple(float(value) for value in pose["translation"]),
        )
    except OSError as error:
        raise LensError(f"{path}: {error.strerror}; make this file with mtvif_calibrate") from error
    except LensError as error:
        raise LensError(f"{path}: {error}") from error
    except UNUSABLE as error:
        raise LensError(
            f"{path}: pose needs rotation (three rows of three) and translation (three numbers, in m): "
            f"{in_short(error)}"
        ) from error


def pose_values(pose: Pose) -> dict[str, Any]:
    """Return what a calibration file says of a pose."""
    return {"pose": {"rotation": pose.rotation_matrix().tolist(), "translation": list(pose.translation)}}

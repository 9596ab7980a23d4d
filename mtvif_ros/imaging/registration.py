"""Warp infrared frames onto the pixel grid of the visible camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from mtvif_ros.command_line import in_short
from mtvif_ros.image import AnyImage
from mtvif_ros.imaging.resize import WidthHeight, scaled

Matrix = npt.NDArray[np.float64]
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
# Cold: where infrared sees nothing, the fused image is the visible one. Temperatures are not known there.
OUTSIDE = {"u": 0, "f": float("nan")}


Warp = Callable[[AnyImage, WidthHeight, WidthHeight], AnyImage]
"""Lays infrared onto visible pixels, as a Registration or a LensRegistration does.

It takes infrared (h, w), the (width, height) of the visible frame, and the one to scale to.
"""


UNUSABLE = (ArithmeticError, KeyError, RecursionError, TypeError, ValueError, yaml.YAMLError)
"""What reading a calibration file may raise: .inf for a size or brackets in brackets without end, for two."""


class RegistrationError(ValueError):
    """Say what is wrong with a homography or its file and how to get a good one."""


@dataclass(frozen=True)
class Registration:
    """Map infrared pixels to visible pixels by a homography (3, 3), given row by row.

    Pixel centres have whole coordinates. With the (width, height) of both cameras at calibration, the
    homography maps between pixels of these sizes, and it also holds for frames scaled from them. Without
    sizes, an infrared frame is first stretched to the visible size, and the homography is in visible pixels.
    Raises RegistrationError for a homography that mirrors or folds the frame.
    """

    homography: tuple[float, ...] = IDENTITY
    infrared_size: WidthHeight | None = None
    visible_size: WidthHeight | None = None

    def __post_init__(self) -> None:
        if len(self.homography) != 9 or not np.isfinite(self.homography).all():
            raise RegistrationError(f"homography: needs 9 finite numbers, row by row; got {self.homography}")
        if (self.infrared_size is None) != (self.visible_size is None):
            raise RegistrationError("homography: give both infrared_size and visible_size, or neither")
        for size in (self.infrared_size, self.visible_size):
            if size is not None and (len(size) != 2 or min(size) < 1):
                raise RegistrationError(f"homography: {size} is not a width and a height")
        width, height = self.infrared_size or (640, 480)
        corners = np.array([(0, 0, 1), (width, 0, 1), (0, height, 1), (width, height, 1)], float)
        if np.linalg.det(self.matrix()) <= 0 or (corners @ self.matrix()[2] <= 0).any():
            raise RegistrationError(f"homography: {self.homography} mirrors or folds the frame")

    def matrix(self) -> Matrix:
        """Return the homography as (3, 3)."""
        return np.array(self.homography, np.float64).reshape(3, 3)

    def __call__(self, ir: AnyImage, visible_size: WidthHeight, size: WidthHeight) -> AnyImage:
        """Warp `ir` (h, w) onto a visible frame of `visible_size` (width, height), scaled to `size`.

        What infrared does not see is 0, NaN for floats.
        """
        given = (ir.shape[1], ir.shape[0])
        if given[0] > size[0] or given[1] > size[1]:
            ir, given = scaled(ir, size), size  # warping without it would skip pixels
        warp = _warp(self, given, visible_size, size)
        if warp is None:
            return scaled(ir, size)
        outside = OUTSIDE[ir.dtype.kind]
        return np.asarray(cv2.warpPerspective(ir, warp, size, flags=cv2.INTER_LINEAR, borderValue=outside))


@lru_cache(maxsize=16)  # it costs as much as a resize
def _warp(
    registration: Registration, given: WidthHeight, visible_size: WidthHeight, size: WidthHeight
) -> Matrix | None:
    """Return the homography from an infrared frame of size `given` to `size`, None for a mere resize."""
    to_calibrated = _between(given, registration.infrared_size or visible_size)
    from_calibrated = _between(registration.visible_size or visible_size, size)
    whole = from_calibrated @ registration.matrix() @ to_calibrated
    return None if np.allclose(whole / whole[2, 2], _between(given, size), atol=1e-9) else whole


def _between(given: WidthHeight, wanted: WidthHeight) -> Matrix:
    """Return the scaling of pixel centres from one size to another, as cv2.resize does it."""
    x, y = wanted[0] / given[0], wanted[1] / given[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def read_registration(path: Path) -> Registration:
    """Read a file that mtvif_calibrate wrote; one that has only a pose gives the identity.

    Raises RegistrationError, which names the file.
    """
    try:
        values: Any = yaml.safe_load(path.read_text())
        if "homography" not in values and "pose" in values:
            return Registration()
        return Registration(
            tuple(float(value) for row in values["homography"] for value in row),
            tuple(int(side) for side in values["infrared_size"]),  # type: ignore[arg-type]
            tuple(int(side) for side in values["visible_size"]),  # type: ignore[arg-type]
        )
    except OSError as error:
        raise RegistrationError(f"{path}: {error.strerror}; make this file with mtvif_calibrate") from error
    except RegistrationError as error:
        raise RegistrationError(f"{path}: {error}") from error
    except UNUSABLE as error:
        raise RegistrationError(
            f"{path}: needs homography (three rows of three), infrared_size and visible_size: "
            f"{in_short(error)}"
        ) from error


def write_registration(path: Path, registration: Registration, quality: dict[str, Any]) -> None:
    """Write a registration as yaml; `quality` adds how well it fits."""
    values = {
        "homography": [[float(value) for value in row] for row in registration.matrix()],
        "infrared_size": list(registration.infrared_size or ()),
        "visible_size": list(registration.visible_size or ()),
        **quality,
    }
    path.write_text(yaml.safe_dump(values, sort_keys=False, default_flow_style=None))

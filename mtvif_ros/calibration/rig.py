"""Refine how two cameras with known lenses are turned against each other, from many frame pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.calibration.align import FEWEST_CELLS, SEARCHES, AlignmentError, GreyPair, match_places
from mtvif_ros.imaging.lenses import LensRegistration, Points, Pose
from mtvif_ros.imaging.registration import Registration
from mtvif_ros.progress import tracked

_ROUNDS = 12  # of the fit
_SMALL = 1e-5  # rad, of numerical differences
_OUTLIER = 2.5  # visible px


@dataclass(frozen=True)
class Refined:
    """Hold a registration through lenses and the distances, in visible px, of edges that agree with it."""

    registration: LensRegistration
    residuals: npt.NDArray[np.float64]


def refine_rig(pairs: Sequence[GreyPair], rig: LensRegistration, rough: Registration) -> Refined:
    """Find the rotation between two cameras whose frames (H, W) and (h, w), uint8, have the lenses' sizes.

    The translation and the distance stay; most of the scene must lie at this distance. `rough` is a
    homography that fits, to begin with. Raises AlignmentError if too few edges agree.
    """
    rig = _turned_to(rig, *_grid(rig, rough))
    for search in tracked(SEARCHES, "fit the lenses", len(SEARCHES), "round"):
        places, shifts, _ = match_places(pairs, rig, search)
        sources = rig.infrared_pixels(places.astype(np.float64))
        targets = (places + shifts).astype(np.float64)
        seen = np.isfinite(sources).all(axis=1)
        if np.count_nonzero(seen) < FEWEST_CELLS:
            raise AlignmentError(
                f"only {np.count_nonzero(seen)} places show the same edges through both lenses, but "
                f"{FEWEST_CELLS} are needed; check camera_info, tf and --distance"
            )
        rig = _turned_to(rig, targets[seen], sources[seen])
        left = _left(rig, targets[seen], sources[seen])
    return Refined(rig, left[left < _OUTLIER])


def _grid(rig: LensRegistration, rough: Registration) -> tuple[Points, Points]:
    """Return visible pixels (N, 2) all over the frame and the infrared ones that a homography gives."""
    across, down = (np.linspace(0, side - 1, 12) for side in rig.visible.size)
    places = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 1, 2)
    sources = cv2.perspectiveTransform(places, np.linalg.inv(rough.matrix()))[:, 0]
    inside = ((sources >= 0) & (sources < rig.infrared.size)).all(axis=1)
    return places[inside, 0], np.asarray(sources[inside], np.float64)


def _turned_to(rig: LensRegistration, targets: Points, sources: Points) -> LensRegistration:
    """Return the rig whose rotation takes visible `targets` (N, 2) to infrared `sources` (N, 2) best."""
    if len(targets) < FEWEST_CELLS:
        return rig
    for _ in range(_ROUNDS):
        now = _off(rig, targets, sources)
        steps = np.stack(
            [
                (_off(_turned(rig, turn), targets, sources) - now).ravel() / _SMALL
                for turn in np.eye(3) * _SMALL
            ],
            axis=1,
        )
        far = np.linalg.norm(now, axis=1)
        width = max(_OUTLIER, 1.5 * float(np.nanmedian(far)))
        weights = np.repeat(1 / (1 + (far / width) ** 2), 2)
        known = np.isfinite(now).ravel() & np.isfinite(steps).all(axis=1)
        root = np.sqrt(weights[known])
        turn, *_ = np.linalg.lstsq(steps[known] * root[:, None], -now.ravel()[known] * root, rcond=None)
        rig = _turned(rig, turn)
    return rig


def _turned(rig: LensRegistration, turn: Points) -> LensRegistration:
    matrix, _ = cv2.Rodrigues(turn)
    rotation = np.asarray(matrix, np.float64) @ rig.pose.rotation_matrix()
    return replace(rig, pose=Pose(tuple(rotation.ravel().tolist()), rig.pose.translation))


def _off(rig: LensRegistration, targets: Points, sources: Points) -> Points:
    """Return by how much (N, 2) in visible px a rig misses."""
    off = rig.infrared_pixels(targets) - sources
    return np.asarray(off * (rig.visible.focal / rig.infrared.focal))


def _left(rig: LensRegistration, targets: Points, sources: Points) -> Points:
    left = np.linalg.norm(_off(rig, targets, sources), axis=1)
    return np.asarray(left[np.isfinite(left)])

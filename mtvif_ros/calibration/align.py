"""Estimate the homography between two cameras from many frame pairs, without a target.

Infrared and visible frames look different but share most edges. Each frame becomes a map of edge strength
relative to its surroundings. The maps are matched as a whole first, over scales and shifts, then cell by
cell. The cameras are mounted rigidly, so the correlations of a cell are averaged over all frames before its
shift is read off. Finally a homography is fitted robustly to the shifts of all cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.image import Image
from mtvif_ros.imaging.registration import Warp
from mtvif_ros.imaging.resize import WidthHeight
from mtvif_ros.progress import tracked

Plane = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]
GreyPair = tuple[Image, Image]

_COARSE_WIDTH = 160  # px, for the search over scales and shifts
_SCALES = np.geomspace(0.5, 2.0, 29)  # of an infrared frame stretched to the visible size
_TEMPLATE_SHARE = 0.6  # of the frame, which both cameras must see
_CELL = 64  # px, side of a square cell
SEARCHES = (24, 12, 8, 6)  # px, search radius of each round
_BACKGROUND = 12.0  # px, sigma of an edge's surroundings
_CONFIDENT = 0.15  # least mean correlation at a cell's best shift
_DISTINCT = 0.04  # by which that correlation must exceed its mean over all shifts
_OUTLIER = 2.5  # px from the fitted homography
FEWEST_CELLS = 12
_CHANCE = 3.0  # times the root of the number of cells that both cameras see; unrelated pictures reach 2.7
_PERSPECTIVE_GAIN = 0.8  # a homography must cut an affine map's median error to this share
_REMEDY = (
    "record more of a scene with structure everywhere, not too near; infrared must not be mirrored, turned "
    "by more than 4 degrees against the visible picture, nor see less than half or more than twice of it"
)


class AlignmentError(ValueError):
    """Say why there is no homography."""


class Matches(NamedTuple):
    """Hold places (n, 2) in visible pixels where both cameras show the same edges, and the shifts (n, 2) that
    infrared needs there; `cells` is the number of places that both cameras see.
    """

    places: Plane
    shifts: Plane
    cells: int


@dataclass(frozen=True)
class Alignment:
    """Hold a homography (3, 3) from infrared to visible pixels and how well it fits.

    `residuals` are the remaining distances between the two cameras' edges in visible px, one for each cell
    that agrees with the homography; `cells` is the number of cells that could be matched.
    """

    homography: Matrix
    residuals: Plane
    cells: int


def estimate_alignment(pairs: Sequence[GreyPair]) -> Alignment:
    """Estimate the homography from visible (H, W) and infrared (h, w) grey frames, uint8, each of one size.

    Raises AlignmentError if there are no frames, if sizes change, or if too few cells agree.
    """
    if not pairs:
        raise AlignmentError("there are no frame pairs to align")
    for index, name in enumerate(("visible", "infrared")):
        sizes = {pair[index].shape for pair in pairs}
        if len(sizes) > 1:
            raise AlignmentError(
                f"{name} frames change their size: {sorted(sizes)}; use one part of the recording"
            )
    height, width = pairs[0][0].shape
    rows, columns = pairs[0][1].shape
    stretch = np.diag((width / columns, height / rows, 1.0))
    visible = [edge_strength(rgb) for rgb, _ in pairs]
    homography = _coarse(visible, [ir for _, ir in pairs]) @ stretch
    for search in tracked(SEARCHES, "align", len(SEARCHES), "round"):
        warp = partial(_warped, homography)
        places, shifts, cells = match_places(pairs, warp, search, visible)
        if cells < FEWEST_CELLS:
            raise AlignmentError(
                f"visible frames of {width}x{height} have room for {cells} places that infrared sees, but "
                f"{FEWEST_CELLS} are needed; take larger frames"
            )
        if len(places) < FEWEST_CELLS:
            raise AlignmentError(
                f"only {len(places)} places show the same edges in both cameras, but {FEWEST_CELLS} are "
                f"needed; {_REMEDY}"
            )
        correction, agreeing = fit_correction(places, shifts)
        left = np.linalg.norm(shifts[agreeing] - _moved(places[agreeing], correction), axis=1)
        homography = correction @ homography
    if len(left) < _CHANCE * np.sqrt(cells):
        raise AlignmentError(
            f"only {len(left)} of {cells} places agree on one mapping, as many as by chance; {_REMEDY}"
        )
    homography /= homography[2, 2]
    return Alignment(homography, left.astype(np.float32), len(places))


def match_places(
    pairs: Sequence[GreyPair], warp: Warp, search: int, visible: Sequence[Plane] | None = None
) -> Matches:
    """Return the places that match after shifts of up to `search` px.

    `warp` lays infrared onto the visible frame. `visible` are the visible frames' edges, where known.
    """
    size = pairs[0][0].shape[1], pairs[0][0].shape[0]
    edges = [edge_strength(warp(ir, size, size)) for _, ir in pairs]
    seen = warp(np.full_like(pairs[0][1], 255), size, size) > 0
    return _match_cells(visible or [edge_strength(rgb) for rgb, _ in pairs], edges, seen, search)


def edge_strength(grey: Image) -> Plane:
    """Return the edge strength (H, W) of a uint8 frame relative to its surroundings, 0..3."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.2)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(across, down)
    around = cv2.GaussianBlur(strength, (0, 0), _BACKGROUND)
    return np.asarray(np.clip(strength / (around + 2.0), 0, 3), np.float32)


def _warped(homography: Matrix, ir: Image, visible_size: WidthHeight, size: WidthHeight) -> Image:
    del visible_size
    return np.asarray(cv2.warpPerspective(ir, homography, size), np.uint8)


def _coarse(visible: Sequence[Plane], infrared: Sequence[Image]) -> Matrix:
    """Return the scale and shift (3, 3) that map stretched infrared frames onto the visible ones."""
    height, width = visible[0].shape
    shrink = _COARSE_WIDTH / width
    small = (_COARSE_WIDTH, max(8, round(height * shrink)))
    margin = (small[0] // 4, small[1] // 4)
    wide = [
        cv2.copyMakeBorder(
            cv2.resize(edges, small, interpolation=cv2.INTER_AREA),
            *(margin[1], margin[1], margin[0], margin[0]),
            cv2.BORDER_CONSTANT,
        )
        for edges in visible
    ]
    stretched = [cv2.resize(ir, (width, height), interpolation=cv2.INTER_AREA) for ir in infrared]
    edges = [edge_strength(np.asarray(ir, np.uint8)) for ir in stretched]
    best, found = -np.inf, np.eye(3)
    for scale in _SCALES:
        size = (round(small[0] * scale), round(small[1] * scale))
        # The middle of the infrared frame, at most as large as the middle of the visible one.
        part = (
            round(min(size[0], small[0]) * _TEMPLATE_SHARE),
            round(min(size[1], small[1]) * _TEMPLATE_SHARE),
        )
        left, top = (size[0] - part[0]) // 2, (size[1] - part[1]) // 2
        window = np.s_[top : top + part[1], left : left + part[0]]
        templates = [cv2.resize(edge, size, interpolation=cv2.INTER_AREA)[window] for edge in edges]
        total = np.sum([_correlations(*both) for both in zip(wide, templates)], 0)
        _, score, _, place = cv2.minMaxLoc(total)
        # A small template matches by chance more easily.
        score *= float(np.sqrt(part[0] * part[1]))
        if score > best:
            best = score
            shift = (np.array(place) - margin - (left, top)) / shrink
            found = np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]])
    return found


def _match_cells(
    visible: Sequence[Plane], infrared: Sequence[Plane], seen: npt.NDArray[np.bool_], search: int
) -> Matches:
    height, width = seen.shape
    places, shifts, cells = [], [], 0
    reach = search + _CELL // 2
    for y in range(reach, height - reach, _CELL // 2):
        for x in range(reach, width - reach, _CELL // 2):
            half = _CELL // 2
            inner = np.s_[y - half : y + half, x - half : x + half]
            outer = np.s_[y - reach : y + reach, x - reach : x + reach]
            if not seen[inner].all():
                continue
            cells += 1
            total = np.zeros((2 * search + 1, 2 * search + 1), np.float32)
            for light, heat in zip(visible, infrared):
                patch = heat[inner]
                if patch.std() > 0.1:
                    total += _correlations(light[outer], patch)
            total /= len(visible)
            peak = float(total.max())
            row, column = np.unravel_index(int(total.argmax()), total.shape)
            inside = 0 < row < 2 * search and 0 < column < 2 * search
            if inside and peak > _CONFIDENT and peak - float(total.mean()) > _DISTINCT:
                places.append((x - 0.5, y - 0.5))
                shifts.append(
                    (
                        column - search + _vertex(total[row, column - 1 : column + 2]),
                        row - search + _vertex(total[row - 1 : row + 2, column]),
                    )
                )
    found = [np.array(points, np.float32).reshape(-1, 2) for points in (places, shifts)]
    return Matches(found[0], found[1], cells)


def fit_correction(places: Plane, shifts: Plane) -> tuple[Matrix, npt.NDArray[np.bool_]]:
    """Return the correction (3, 3) that fits the cells best and which cells agree with it.

    Perspective bends the corners without cells far on little evidence, so it needs a clear gain.
    """
    affine, of_affine = cv2.estimateAffine2D(
        places, places + shifts, method=cv2.USAC_MAGSAC, ransacReprojThreshold=_OUTLIER
    )
    full, of_full = cv2.findHomography(places, places + shifts, cv2.USAC_MAGSAC, _OUTLIER)
    candidates = []
    for matrix, inliers in ((affine, of_affine), (full, of_full)):
        if matrix is not None and inliers.sum() >= FEWEST_CELLS:
            rows = np.asarray(matrix, np.float64)
            whole = np.vstack((rows, (0, 0, 1))) if len(rows) == 2 else rows
            error = np.linalg.norm(shifts - _moved(places, whole), axis=1)
            candidates.append((whole, np.asarray(inliers).ravel() > 0, float(np.median(error))))
    if not candidates:
        raise AlignmentError(
            f"the shifts of the {len(places)} matched places contradict each other; {_REMEDY}"
        )
    best = candidates[0]
    if candidates[-1][2] < _PERSPECTIVE_GAIN * best[2]:
        best = candidates[-1]
    return best[0], best[1]


def _correlations(image: npt.NDArray[Any], template: npt.NDArray[Any]) -> Plane:
    return np.asarray(cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED), np.float32)


def _vertex(three: Plane) -> float:
    """Return the position of the top of the parabola through three neighbouring values, -0.5..0.5."""
    before, at, after = (float(value) for value in three)
    bend = before - 2 * at + after
    return 0.0 if bend >= 0 else float(np.clip((before - after) / (2 * bend), -0.5, 0.5))


def _moved(places: Plane, homography: Matrix) -> Plane:
    moved = cv2.perspectiveTransform(places[:, None].astype(np.float64), homography)
    return np.asarray(moved[:, 0] - places, np.float32)

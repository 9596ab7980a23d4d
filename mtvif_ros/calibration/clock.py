"""Find by how much the infrared clock leads or lags the visible one, from what moves in both pictures.

Each frame is compared with an earlier one in a grid of cells: where something moves, a cell changes. The
changes of a cell over time look alike in both cameras, whatever its brightness, and are shifted by what the
clocks differ. They are correlated over all shifts, cell by cell; the mean of all cells has its peak at the
offset. What most cells do at once is left out: it comes from exposure and from the key frames of a video.
To a camera that moves straight ahead, a wrong registration looks like an offset in part: the picture grows
as it does when time goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.calibration.track import REACH, Seconds, Track, stretches

Plane = npt.NDArray[np.float64]

_GRID = (16, 12)  # cells, across and down
_STEP = 0.2  # s between the frames that are compared: people have moved further than noise has changed
_TREND = 0.5  # s, over which the mean change of a cell is taken off
_COARSE, _FINE = 0.02, 0.005  # s, steps of the search
_AROUND = 0.15  # s, of the fine search; a window may be so far from the whole
_VERTEX = 4  # fine steps to either side of a peak that its parabola is fitted to
_APART = 0.25  # s from the peak, where correlations are those of chance
_BELL = 0.8  # frames, sigma
_CLEAR = 5.0  # by how many of their deviations the peak must stand out
_LOOSE = 0.020  # s; an offset with a larger uncertainty is none
_FEWEST = 12  # frames of a window
_TOO_FEW = "there are too few frames to compare the cameras' clocks"
_CERTAIN = 3.0  # standard errors, from which a drift is real


class ClockError(ValueError):
    """Say why there is no offset."""


@dataclass(frozen=True)
class ClockOffset:
    """Hold the infrared minus the visible clock and its standard error, in s, at the middle of a recording.

    `drift` is its change over the whole recording in s, zero where none is certain; `seconds` is how long
    the recording is.
    """

    offset: float
    uncertainty: float
    drift: float
    seconds: float


def find_offset(visible: Track, infrared: Track, guess: float = 0.0, reach: float = REACH) -> ClockOffset:
    """Find the offset of two clocks within `reach` s around `guess`.

    Raises ClockError if too few frames overlap, nothing moves that both cameras see, or the offset jumps.
    """
    if min(len(visible.stamps), len(infrared.stamps)) < _FEWEST:
        raise ClockError(_TOO_FEW)
    changes = _changes(visible), _changes(infrared)
    windows = stretches(float(visible.stamps[0]), float(visible.stamps[-1]))
    lags = guess + _steps(reach, _COARSE)
    curves = _correlations(*changes, lags, windows)
    best = _clear_peak(lags, _mean(curves))
    if best is None:
        raise ClockError(
            "nothing moves that both cameras see, or their clocks differ by more than "
            f"{reach:g} s from {guess:.3f} s; record people walking by, or turn the cameras"
        )
    _refuse_jump(lags, curves.mean(axis=2), lags[best])
    lags = lags[best] + _steps(_AROUND, _FINE)
    curves = _correlations(*changes, lags, windows)
    offset = _peak(lags, _mean(curves))
    uncertainty = _jackknife(lags, curves)
    if uncertainty > _LOOSE:
        raise ClockError(
            f"the clocks differ by {offset * 1e3:.0f} ± {uncertainty * 1e3:.0f} ms, which is too uncertain "
            "to use; record more that moves in both pictures"
        )
    seconds = float(visible.stamps[-1] - visible.stamps[0])
    return ClockOffset(offset, uncertainty, _drift(lags, curves, windows, seconds), seconds)


def _clear_peak(lags: Seconds, curve: Plane) -> int | None:
    """Return where a curve has a peak that stands out from chance, None if there is none."""
    best = int(np.argmax(curve))
    chance = curve[np.abs(lags - lags[best]) > min(_APART, (lags[-1] - lags[0]) / 4)]
    middle = float(np.median(chance))
    spread = 1.48 * float(np.median(np.abs(chance - middle)))
    is_clear = curve[best] - middle >= _CLEAR * spread and best not in (0, len(lags) - 1)
    return best if is_clear else None


def _refuse_jump(lags: Seconds, curves: Plane, offset: float) -> None:
    """Raise ClockError if two windows of `curves` (lags, windows) have a clear peak elsewhere together."""
    peaks = [_clear_peak(lags, curve) for curve in curves.T if not np.isnan(curve).any()]
    others = np.array([lags[peak] for peak in peaks if peak is not None])
    others = others[np.abs(others - offset) > _AROUND]
    for other in others:
        if np.count_nonzero(np.abs(others - other) < _AROUND) > 1:
            raise ClockError(
                f"the clocks differ by {offset * 1e3:.0f} ms and in a part of the recording by "
                f"{other * 1e3:.0f} ms, so one of them was set; synchronise them and record again"
            )


def _steps(reach: float, step: float) -> Seconds:
    return np.arange(-reach, reach + step / 2, step, dtype=np.float64)


def _changes(track: Track) -> tuple[Seconds, Plane]:
    """Return when (n,) and by how much (n, cells) the picture changes more than usual."""
    period = float(np.median(np.diff(track.stamps)))
    apart = max(1, round(_STEP / period))
    taken = track.stamps[apart:] - track.stamps[:-apart]
    regular = np.flatnonzero(np.abs(taken - apart * period) < 0.5 * period)  # no frame is missing
    if len(regular) < _FEWEST:
        raise ClockError(_TOO_FEW)
    amounts = [
        cv2.resize(
            cv2.absdiff(track.frames[k + apart], track.frames[k]).astype(np.float32),
            _GRID,
            interpolation=cv2.INTER_AREA,
        ).ravel()
        for k in regular
    ]
    # The logarithm makes a large bright thing count no more than a small dim one.
    changes = np.log1p(np.array(amounts, np.float64).reshape(-1, _GRID[0] * _GRID[1]))
    unusual = changes - _smooth(changes, round(_TREND / period))
    unusual -= np.median(unusual, axis=1, keepdims=True)
    return track.stamps[regular] + taken[regular] / 2, unusual


def _smooth(series: Plane, width: int) -> Plane:
    """Return the running mean of each column over an odd `width`."""
    half = max(1, width // 2)
    padded = np.pad(series, ((half + 1, half), (0, 0)), "edge")
    total = np.cumsum(padded, axis=0)
    return np.asarray((total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1))


def _correlations(
    visible: tuple[Seconds, Plane],
    infrared: tuple[Seconds, Plane],
    lags: Seconds,
    windows: Sequence[tuple[float, float]],
) -> Plane:
    """Return the correlations (lags, windows, cells), NaN in all cells where too few frames overlap."""
    times, light = visible
    period = float(np.median(np.diff(times)))
    found = np.full((len(lags), len(windows), light.shape[1]), np.nan)
    for row, lag in enumerate(lags):
        wanted = infrared[0] - lag
        moved, known = _resampled(times, light, wanted, period)
        for column, (begin, end) in enumerate(windows):
            inside = known & (wanted >= begin) & (wanted <= end)
            if np.count_nonzero(inside) < _FEWEST:
                continue
            found[row, column] = _correlation(moved[inside], infrared[1][inside])
    if np.isnan(found).all(axis=(1, 2)).any():
        raise ClockError("the cameras' frames overlap too little in time to compare their clocks")
    return found


def _resampled(
    times: Seconds, series: Plane, wanted: Seconds, period: float
) -> tuple[Plane, npt.NDArray[np.bool_]]:
    """Return a series (n, cells) at other times (m,), and at which of these it is known.

    A bell weighs the five nearest values. Interpolating between two would take out more noise half-way
    between frames, and the correlations would be highest there.
    """
    near = np.clip(np.searchsorted(times, wanted + period / 2) - 1, 2, len(times) - 3)
    weights = np.stack(
        [np.exp(-(((wanted - times[near + k]) / (_BELL * period)) ** 2) / 2) for k in range(-2, 3)]
    )
    total = np.maximum(weights.sum(0), 1e-9)
    blend = sum(weights[k, :, None] * series[near + k - 2] for k in range(5)) / total[:, None]
    return np.asarray(blend), np.abs(wanted - times[near]) < period


def _correlation(light: Plane, heat: Plane) -> Plane:
    """Return the correlation of each cell's series."""
    light, heat = light - light.mean(0), heat - heat.mean(0)
    power = np.sqrt((light**2).sum(0) * (heat**2).sum(0))
    return np.asarray((light * heat).sum(0) / np.maximum(power, 1e-9))


def _mean(curves: Plane) -> Plane:
    return np.asarray(np.nanmean(curves, axis=tuple(range(1, curves.ndim))))


def _peak(lags: Seconds, curve: Plane) -> float:
    """Return where a curve is highest, between the steps, by the parabola through its top."""
    top = int(np.clip(np.argmax(curve), _VERTEX, len(lags) - 1 - _VERTEX))
    around = slice(top - _VERTEX, top + _VERTEX + 1)
    bend, slope, _ = np.polyfit(lags[around] - lags[top], curve[around], 2)
    shift = -slope / (2 * bend) if bend < 0 else 0.0
    return float(lags[top] + np.clip(shift, -_VERTEX * _FINE, _VERTEX * _FINE))


def _jackknife(lags: Seconds, curves: Plane) -> float:
    """Return the standard error of the peak, from leaving out each window of each quarter of the picture."""
    across, down = _GRID
    cells = np.arange(across * down).reshape(down, across)
    quarters = [part.ravel() for half in np.split(cells, 2) for part in np.split(half, 2, axis=1)]
    groups = np.stack([curves[:, :, quarter].mean(axis=2) for quarter in quarters], axis=2)
    groups = groups.reshape(len(lags), -1)
    groups = groups[:, ~np.isnan(groups).any(axis=0)]
    count = groups.shape[1]
    without = [_peak(lags, np.delete(groups, k, axis=1).mean(1)) for k in range(count)]
    return float(np.sqrt((count - 1) * np.var(without)))


def _drift(lags: Seconds, curves: Plane, windows: Sequence[tuple[float, float]], seconds: float) -> float:
    """Return the change of the offset over the recording, by a line through its windows; 0 if unsure."""
    each = curves.mean(axis=2)
    usable = np.flatnonzero(~np.isnan(each).any(axis=0))
    if len(usable) < 4:
        return 0.0
    middles = np.array([sum(windows[k]) / 2 for k in usable])
    offsets = np.array([_peak(lags, each[:, k]) for k in usable])
    weights = np.maximum(each[:, usable].max(0) - np.median(each[:, usable], axis=0), 1e-6)
    (slope, _), covariance = np.polyfit(middles - middles.mean(), offsets, 1, w=weights, cov=True)
    return float(slope * seconds) if abs(slope) > _CERTAIN * np.sqrt(covariance[0, 0]) else 0.0

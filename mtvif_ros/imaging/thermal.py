"""Convert infrared of 16 bits or floats to the 8 bits that the network takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mtvif_ros.image import AnyImage, Image

Celsius = npt.NDArray[np.float32]
"""Temperatures (H, W) in °C, NaN where unknown."""

_SAMPLED = 4  # every fourth row and column is enough for percentiles
_MOST = 0.5  # of a frame
_NARROW = 0.25  # of the range: a scene that fills less of it shows little
_PATIENCE = 5  # such frames in a row: a small hot thing that comes and goes is no reason
_FLAT = 0.03  # of the range: nothing but noise, as a closed shutter shows
_FLAT_PATIENCE = 300  # such frames in a row: no shutter is closed for so long


class ThermalScaler:
    """Map frames of 16 bits or floats to 0..255; 8-bit frames pass unchanged unless inverted.

    The range lies between two `percentiles` of the frame. It moves by the share `follow`, in (0, 1], towards
    those of each new frame, so that a hot car driving by does not make the picture pump. It begins anew, and
    `restarts` counts that, when most of a frame lies outside it or five frames in a row fill less than a
    quarter of it, as after a switch of the camera's gain. A frame of nearly one value, as of a closed
    shutter, leaves it alone, unless 300 come in a row. `fixed` (low, high) replaces it, in units of raw *
    `gain` + `offset`: 0.01 and -273.15 make these °C for cameras that send hundredths of a kelvin; `misses`
    then says whether most of the last frame lay outside. `invert` makes cold things bright. NaN is shown
    black. Raises ValueError for impossible values.
    """

    def __init__(
        self,
        percentiles: tuple[float, float] = (0.5, 99.5),
        follow: float = 0.1,
        fixed: tuple[float, float] | None = None,
        invert: bool = False,
        gain: float = 1.0,
        offset: float = 0.0,
    ):
        if not 0 <= percentiles[0] < percentiles[1] <= 100:
            raise ValueError(f"thermal percentiles {percentiles}: need 0 <= low < high <= 100")
        if not 0 < follow <= 1:
            raise ValueError(f"thermal follow {follow}: need 0 < follow <= 1")
        if fixed is not None and not fixed[0] < fixed[1]:
            raise ValueError(f"thermal range {fixed}: need low < high")
        if gain <= 0:
            raise ValueError(f"thermal gain {gain}: need a gain above 0")
        self._percentiles, self._follow = percentiles, follow
        self._fixed = fixed and ((fixed[0] - offset) / gain, (fixed[1] - offset) / gain)
        self._invert = invert
        self._range: tuple[float, float] | None = None
        self._narrow_frames = self._flat_frames = 0
        self.restarts = 0
        self.misses = False

    def __call__(self, ir: AnyImage) -> Image:
        """Return the frame (H, W) as uint8."""
        self.misses = False
        if ir.dtype == np.uint8:
            grey = ir
        else:
            low, high = self._choose(ir)
            with np.errstate(over="ignore", invalid="ignore"):  # floats without meaning
                scaled = (ir.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
            if ir.dtype.kind == "f":
                np.nan_to_num(scaled, copy=False, nan=255.0 if self._invert else 0.0)
            grey = np.clip(scaled + np.float32(0.5), 0, 255).astype(np.uint8)
        return 255 - grey if self._invert else grey

    def _choose(self, ir: AnyImage) -> tuple[float, float]:
        sample = ir[::_SAMPLED, ::_SAMPLED].ravel()
        if ir.dtype.kind == "f":
            sample = sample[np.isfinite(sample)].astype(np.float64)
        if self._fixed:
            self.misses = _is_outside(sample, self._fixed)
            return self._fixed
        low, high = self._range = self._followed(sample)
        # A frame of uniform temperature has no range.
        return low, max(high, low + (1 if ir.dtype.kind != "f" else 1e-6 + 1e-6 * abs(low)))

    def _followed(self, sample: AnyImage) -> tuple[float, float]:
        if not sample.size:
            return self._range or (0.0, 1.0)
        low, high = (float(value) for value in np.percentile(sample, self._percentiles))
        if self._range is None:
            return low, high
        old_low, old_high = self._range
        is_flat = high - low < _FLAT * (old_high - old_low)
        self._flat_frames = self._flat_frames + 1 if is_flat else 0
        if low == high or (is_flat and self._flat_frames < _FLAT_PATIENCE):
            return self._range
        is_narrow = high - low < _NARROW * (old_high - old_low)
        self._narrow_frames = self._narrow_frames + 1 if is_narrow else 0
        if _is_outside(sample, self._range) or self._narrow_frames == _PATIENCE:
            self._narrow_frames = 0
            self.restarts += 1
            return low, high
        return old_low + self._follow * (low - old_low), old_high + self._follow * (high - old_high)


def temperatures(ir: AnyImage, gain: float, offset: float) -> Celsius | None:
    """Return the frame (H, W) in °C: raw * `gain` + `offset`.

    None for frames of 8 bits, and for raw counts that no gain or offset explains; floats need none.
    """
    is_explained = ir.dtype.kind == "f" or (gain, offset) != (1.0, 0.0)
    if ir.dtype == np.uint8 or not is_explained:
        return None
    celsius = ir.astype(np.float32) * np.float32(gain) + np.float32(offset)
    celsius[~np.isfinite(celsius)] = np.nan
    return celsius


def _is_outside(sample: AnyImage, within: tuple[float, float]) -> bool:
    outside = np.count_nonzero((sample < within[0]) | (sample > within[1]))
    return bool(outside > _MOST * sample.size)

"""Convert 16-bit infrared to the 8 bits that the network takes."""

from __future__ import annotations

import numpy as np

from mtvif_ros.image import AnyImage, Image

_SAMPLED = 4  # every fourth row and column is enough for percentiles


class ThermalScaler:
    """Map 16-bit frames to 0..255; 8-bit frames pass unchanged unless inverted.

    The range lies between two `percentiles` of the frame. It moves by the share `follow`, in (0, 1], towards
    those of each new frame, so that a hot car driving by does not make the picture pump. `fixed` (low, high)
    replaces it, in units of raw * `gain` + `offset`: 0.01 and -273.15 make these °C for cameras that send
    hundredths of a kelvin. `invert` makes cold things bright. Raises ValueError for impossible values.
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

    def __call__(self, ir: AnyImage) -> Image:
        """Return the frame (H, W) as uint8."""
        if ir.dtype == np.uint8:
            grey = ir
        else:
            low, high = self._fixed or self._followed(ir)
            scaled = (ir.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
            grey = np.clip(scaled + np.float32(0.5), 0, 255).astype(np.uint8)
        return 255 - grey if self._invert else grey

    def _followed(self, ir: AnyImage) -> tuple[float, float]:
        low, high = (float(v) for v in np.percentile(ir[::_SAMPLED, ::_SAMPLED], self._percentiles))
        if self._range is not None:
            low, high = (old + self._follow * (new - old) for old, new in zip(self._range, (low, high)))
        self._range = (low, high)
        return low, max(high, low + 1)  # a frame of uniform temperature has no range

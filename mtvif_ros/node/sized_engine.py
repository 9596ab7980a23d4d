"""Run the model at a size that suits the camera and that this machine can keep up with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mtvif_ros.engines import Engine, load_engine, shipped_model
from mtvif_ros.engines.fit import Fit, fit, fitted_size, timed_size
from mtvif_ros.model_file import read_model_file
from mtvif_ros.node.parameters import Parameters
from mtvif_ros.size import USUAL, Size, read_size_or_auto, shown

# Of the time between two pairs. Scaling alone takes an eighth of 33 ms for a 640x480 camera and a third for a
# 1280x720 one, on two busy cores; the rest is for publishing and for pairs that take longer than the median.
_SHARE = 0.6


class SizedEngine:
    """Own the engine: of one size, or of the camera's aspect ratio and as large as the rate allows.

    A second one computes the confidence, too, from when it is first asked for: it costs time that the first
    saves.

    `tell` takes a line for the log. Raises what load_engine raises.
    """

    def __init__(self, parameters: Parameters, tell: Callable[[str], object]):
        backend, threads, device = parameters.backend, parameters.threads, parameters.device
        path = Path(parameters.model) if parameters.model else shipped_model(backend)
        self._tell = tell
        self._load = partial(load_engine, path, backend, threads, device)
        self._budget: int | None = None
        size = read_size_or_auto(parameters.sizing.size)
        if size is None and read_model_file(path).size is None:
            rate = parameters.sizing.rate
            found = fit(path, _SHARE / rate, backend, threads, device)
            self._budget = found.budget
            tell(_explained(found, timed_size(found.budget), rate))
            size = fitted_size(USUAL, found.budget)  # most cameras have it, and the first pair need not wait
        self.engine: Engine = self._load(size=size)
        self._certain: Engine | None = None

    def for_camera(self, camera: Size, confidence: bool = False) -> Engine:
        """Return the engine for visible frames of this size, which may take seconds to make.

        It gives the `confidence` that is asked for if the file has it.
        """
        if self._budget is not None:
            size = fitted_size(camera, self._budget)
            if size != self.engine.size:
                self._tell(f"model.size: {shown(size)} for the camera's {shown(camera)}")
                self.engine = self._load(size=size)
        if not confidence or self.engine.gives_confidence or not self.engine.model.has_confidence:
            return self.engine
        if self._certain is None or self._certain.size != self.engine.size:
            self._tell("confidence: someone wants it; a second engine computes it, too")
            self._certain = self._load(size=self.engine.size, confidence=True)
        return self._certain


def _explained(found: Fit, size: Size, rate: float) -> str:
    times = ", ".join(f"{shown(each)} takes {1000 * taken:.1f} ms" for each, taken in found.taken.items())
    keeps = "keeps" if found.taken[size] <= _SHARE / rate else "is the smallest, but does not keep"
    return f"model.size: {times}; {shown(size)} {keeps} {rate:g} Hz"

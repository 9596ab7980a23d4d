"""Run the model at a size that suits the camera and that this machine can keep up with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
    saves. Until it is made, answers may go on without confidence.

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
        self._certain: dict[Size, Future[Engine]] = {}
        self._maker = ThreadPoolExecutor(1, "confidence")

    def for_camera(self, camera: Size, confidence: bool = False, wait: bool = False) -> Engine:
        """Return the engine for visible frames of this size, which may take seconds to make.

        It gives the `confidence` that is asked for, if the file has it: as soon as it is made, or after a
        `wait`.
        """
        if self._budget is not None:
            size = fitted_size(camera, self._budget)
            if size != self.engine.size:
                self._tell(f"model.size: {shown(size)} for the camera's {shown(camera)}")
                self.engine = self._load(size=size)
        if not confidence:
            return self.engine
        made = self.prepare_confidence()
        if made is None or not (wait or (made.done() and made.exception() is None)):
            return self.engine
        return made.result()

    def prepare_confidence(self) -> Future[Engine] | None:
        """Begin to make the engine that gives confidence; return it, None if the first does or none can."""
        size = self.engine.size
        if self.engine.gives_confidence or not self.engine.model.has_confidence:
            return None
        if size not in self._certain:
            self._tell("confidence: someone wants it; a second engine computes it, too")
            made = self._maker.submit(self._load, size=size, confidence=True)
            made.add_done_callback(self._tell_failure)
            self._certain = {size: made}
        return self._certain[size]

    def _tell_failure(self, made: Future[Engine]) -> None:
        if (error := made.exception()) is not None:
            self._tell(f"confidence: no engine gives it: {error}")

    def close(self) -> None:
        """Wait for an engine that is being made."""
        self._maker.shutdown()


def _explained(found: Fit, size: Size, rate: float) -> str:
    times = ", ".join(f"{shown(each)} takes {1000 * taken:.1f} ms" for each, taken in found.taken.items())
    keeps = "keeps" if found.taken[size] <= _SHARE / rate else "is the smallest, but does not keep"
    return f"model.size: {times}; {shown(size)} {keeps} {rate:g} Hz"

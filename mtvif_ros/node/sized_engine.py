"""Run the model at a size that suits the camera and that this machine can keep up with."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from mtvif_ros.engines import Engine, EngineError, load_engine, shipped_model
from mtvif_ros.engines.fit import BUDGETS, Fit, fit, fitted_size, timed_size
from mtvif_ros.engines.load import choose_backend, make_ahead
from mtvif_ros.model_file import read_model_file
from mtvif_ros.node.health import HealthReport
from mtvif_ros.node.pace import SHARE, Pace, Step
from mtvif_ros.node.parameters import Parameters
from mtvif_ros.node.process import stand_back
from mtvif_ros.size import USUAL, Size, read_size_or_auto, shown


class SizedEngine:
    """Own the engine: of one size, or of the camera's aspect ratio and as large as the rate allows.

    On a CPU the size follows the load: smaller where inference falls behind, larger where it leaves time. On
    a GPU it stays, for an engine takes minutes to build.

    A second engine computes the confidence, too, from when it is first asked for: it costs time that the
    first saves. Until it is made, answers may go on without confidence.

    The first start on a machine also makes what the next smaller size needs: a machine that falls behind has
    no time for it. An engine that cannot be made is told and not tried again before the size changes.

    `tell` takes a line for the log. Raises what load_engine raises.
    """

    def __init__(self, parameters: Parameters, tell: Callable[[str], object]):
        backend, threads, device = parameters.backend, parameters.threads, parameters.device
        path = Path(parameters.model) if parameters.model else shipped_model(backend)
        self._tell = tell
        self._load = partial(load_engine, path, backend, threads, device)
        self._make_ahead = partial(make_ahead, path, backend, threads, device)
        self._budget: int | None = None
        self._rate = parameters.sizing.rate
        self._pace: Pace | None = None
        self._paced: Size | None = None  # that the pace knows
        self._camera = USUAL  # most cameras have it, and their first pair need not wait
        size = read_size_or_auto(parameters.sizing.size)
        if size is None and read_model_file(path).size is None:
            found = fit(path, SHARE / self._rate, backend, threads, device)
            self._budget = found.budget
            if choose_backend(backend) != "tensorrt" and device in ("", "CPU"):
                self._pace = Pace(self._rate)
            tell(_explained(found, timed_size(found.budget), self._rate))
            size = fitted_size(self._camera, found.budget)
        self._taken = self._budget  # the last whose engine could be made
        self.engine: Engine = self._load(size=size)
        self._made: dict[tuple[Size, bool], Future[Engine]] = {}  # by size and whether it gives confidence
        self._lock = threading.Lock()
        self._maker = ThreadPoolExecutor(1, "engines", initializer=stand_back)
        with suppress(EngineError):  # told when one of them is wanted
            for wanted in self._wanted_next():
                self._make_ahead(*wanted)

    def for_camera(self, camera: Size, confidence: bool = False, wait: bool = False) -> Engine:
        """Return the engine for visible frames of this size, which may take seconds to make.

        It gives the `confidence` that is asked for, if the file has it: as soon as it is made, or after a
        `wait`. Raises EngineError if it waits for one that cannot be made.
        """
        if self._budget is not None:
            is_another, self._camera = camera != self._camera, camera
            if (size := fitted_size(camera, self._budget)) != self.engine.size:
                made = self._make(size)
                if is_another:
                    self._tell(f"model.size: {shown(size)} for the camera's {shown(camera)}")
                if is_another or _is_ready(made):
                    self.engine = made.result()
                    self._keep_only(size)
                if is_another:
                    for wanted in self._wanted_next():
                        self._maker.submit(self._make_ahead, *wanted)
        if not confidence:
            return self.engine
        certain = self.prepare_confidence()
        if certain is None or not (wait or _is_ready(certain)):
            return self.engine
        # An exception that is raised again and again keeps the frames of each time.
        if (error := certain.exception()) is not None:
            raise EngineError(
                f"confidence.minimum: no engine gives confidence: {error}; set 0 to go on without"
            ) from error
        return certain.result()

    def prepare_confidence(self) -> Future[Engine] | None:
        """Begin to make the engine that gives confidence; return it, None if the first does or none can."""
        size = self.engine.size
        if self.engine.gives_confidence or not self.engine.model.has_confidence:
            return None
        return self._make(size, True, "confidence: someone wants it; a second engine computes it, too")

    def keep_pace(self, report: HealthReport) -> None:
        """Begin to make engines of another size where the report calls for one; `for_camera` takes them."""
        size = self.engine.size
        if self._pace is None or self._budget is None:
            return
        if (wanted := fitted_size(self._camera, self._budget)) == size:
            self._taken = self._budget
        elif self._has_failed(wanted):
            self._budget = self._taken
            with self._lock:
                self._made.pop((wanted, True), None)
        else:
            return  # it is being made
        if size != self._paced:
            self._pace.restart()
            self._paced = size
        at = BUDGETS.index(self._budget)
        larger = self._another(BUDGETS[at + 1 :])
        growth = math.prod(fitted_size(self._camera, larger)) / math.prod(size) if larger else None
        step = self._pace.advise(report, growth)
        if step is Step.SMALLER:
            self._resize(self._another(reversed(BUDGETS[:at])), "falls behind")
        elif step is Step.LARGER:
            self._resize(larger, "leaves time")

    def close(self) -> None:
        """Wait for an engine that is being made, and release all at once: on a GPU they hold its memory."""
        self._maker.shutdown(cancel_futures=True)
        self._made.clear()
        del self.engine

    def _wanted_next(self) -> Iterator[tuple[Size, bool]]:
        """Give the sizes, and whether with confidence, of the engines that a step under load would need."""
        if self._pace is None or self._budget is None:
            return
        kinds = (False, True) if self.engine.model.has_confidence else (False,)
        smaller = self._another(reversed(BUDGETS[: BUDGETS.index(self._budget)]))
        for size in (self.engine.size, *([fitted_size(self._camera, smaller)] if smaller else [])):
            for confidence in kinds:
                yield size, confidence

    def _another(self, budgets: Iterable[int]) -> int | None:
        """Return the first budget at which the camera's frames get another size, None if there is none.

        A size that could not be made is left out.
        """
        sizes = ((each, fitted_size(self._camera, each)) for each in budgets)
        return next(
            (each for each, size in sizes if size != self.engine.size and not self._has_failed(size)), None
        )

    def _has_failed(self, size: Size) -> bool:
        made = self._made.get((size, False))
        return made is not None and made.done() and made.exception() is not None

    def _resize(self, budget: int | None, why: str) -> None:
        if budget is None:
            return
        before, size = self.engine.size, fitted_size(self._camera, budget)
        line = f"model.size: {shown(before)} {why} at {self._rate:g} Hz; {shown(size)} from now on"
        if (before, True) in self._made:
            self._make(size, confidence=True)  # first, so that confidence goes on without a gap
        self._make(size).add_done_callback(partial(self._tell_success, line))
        self._budget = budget

    def _make(self, size: Size, confidence: bool = False, line: str = "") -> Future[Engine]:
        """Begin to make an engine, and tell the line, unless that has begun."""
        with self._lock:
            if (made := self._made.get((size, confidence))) is None:
                if line:
                    self._tell(line)
                made = self._maker.submit(self._load_another, size, confidence)
                made.add_done_callback(partial(self._tell_failure, size, confidence))
                self._made[size, confidence] = made
            return made

    def _load_another(self, size: Size, confidence: bool) -> Engine:
        engine = self._load(size=size, confidence=confidence)
        if (model := engine.model).sha256 == self.engine.model.sha256:
            return engine
        del engine  # which the error would keep
        raise EngineError(
            f"model file {model.path}: has changed since the node was configured; clean up and configure "
            "the node again"
        )

    def _keep_only(self, size: Size) -> None:
        with self._lock:
            self._made = {key: made for key, made in self._made.items() if key[0] == size}

    def _tell_success(self, line: str, made: Future[Engine]) -> None:
        if _is_ready(made):
            self._tell(line)

    def _tell_failure(self, size: Size, confidence: bool, made: Future[Engine]) -> None:
        if made.cancelled() or (error := made.exception()) is None:
            return
        if confidence:
            self._tell(f"confidence: no engine gives it: {error}")
        else:
            self._tell(f"model.size: no engine of {shown(size)}: {error}")


def _is_ready(made: Future[Engine]) -> bool:
    return made.done() and not made.cancelled() and made.exception() is None


def _explained(found: Fit, size: Size, rate: float) -> str:
    times = ", ".join(f"{shown(each)} takes {1000 * taken:.1f} ms" for each, taken in found.taken.items())
    keeps = "keeps" if found.taken[size] <= SHARE / rate else "is the smallest, but does not keep"
    return f"model.size: {times}; {shown(size)} {keeps} {rate:g} Hz"

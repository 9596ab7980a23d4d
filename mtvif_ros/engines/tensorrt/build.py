"""Build a TensorRT engine from a model file."""

from __future__ import annotations

import logging
import time
from typing import Any

from mtvif_ros.engines.base import EngineError
from mtvif_ros.engines.tensorrt.flavour import Flavour
from mtvif_ros.model_file import ModelFile
from mtvif_ros.progress import Progress
from mtvif_ros.size import Size, shown

_log = logging.getLogger(__name__)


def build_engine(
    flavour: Flavour, model: ModelFile, size: Size, compute_capability: str | None = None
) -> bytes:
    """Return a serialised engine for frames of `size` in the file's precision: fp32, fp16 or int8 (QDQ).

    `compute_capability`, such as "8.6", builds for that GPU instead of this machine's; only TensorRT for
    RTX can do so, and it needs no GPU. Raises EngineError with TensorRT's own messages.
    """
    trt = flavour.api
    start = time.monotonic()
    target = f"compute capability {compute_capability}" if compute_capability else "this GPU"
    _log.info(
        "building %s, %s, for %s with %s %s",
        model.path.name,
        shown(size),
        target,
        flavour.name,
        flavour.version,
    )
    logger = _collecting_logger(trt)
    builder = trt.Builder(logger)
    # TensorRT 11 has only strongly typed networks and no such flag.
    typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if typed is None else 1 << int(typed))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model.content(size)):
        errors = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise EngineError(f"{flavour.name} cannot read {model.path}: {errors}")
    config = builder.create_builder_config()
    if compute_capability is not None:
        _set_compute_capability(flavour, config, compute_capability)
    # TensorRT keeps no reference of its own to the monitor.
    monitor = _progress_monitor(trt)
    config.progress_monitor = monitor
    try:
        engine = builder.build_serialized_network(network, config)
    finally:
        monitor.close()
    if engine is None:
        raise EngineError(f"{flavour.name} cannot build {model.path}: {'; '.join(logger.errors)}")
    content = bytes(engine)
    _log.info("built %s, %.1f MB, in %.1f s", model.path.name, len(content) / 1e6, time.monotonic() - start)
    return content


def _set_compute_capability(flavour: Flavour, config: Any, compute_capability: str) -> None:
    known = getattr(flavour.api, "ComputeCapability", None)
    if known is None:
        raise EngineError(
            f"{flavour.name} {flavour.version} builds only for this machine's GPU; "
            "install TensorRT for RTX to build for others"
        )
    name = "SM" + compute_capability.replace(".", "")
    if name not in known.__members__:
        numbers = [member[2:-1] + "." + member[-1] for member in known.__members__ if member[:2] == "SM"]
        raise EngineError(f"compute capability {compute_capability}: choose one of {sorted(numbers)}")
    config.num_compute_capabilities = 1
    config.set_compute_capability(known.__members__[name], 0)


def _collecting_logger(trt: Any) -> Any:
    class CollectingLogger(trt.ILogger):  # type: ignore[misc]
        """Pass TensorRT's messages on to logging and collect its errors for EngineError."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                self.errors.append(message)
                _log.error("%s", message)
            elif severity == trt.ILogger.WARNING:
                _log.warning("%s", message)

    return CollectingLogger()


def _progress_monitor(trt: Any) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Show the progress of a build's outermost phases."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._phases: dict[str, Progress] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            if parent is None:
                self._phases[name] = Progress(name, steps, "step")

        def step_complete(self, name: str, step: int) -> bool:
            if name in self._phases:
                self._phases[name].update()
            return True

        def phase_finish(self, name: str) -> None:
            if name in self._phases:
                self._phases.pop(name).close()

        def close(self) -> None:
            """Close the phases that a failed build left open."""
            for phase in self._phases.values():
                phase.close()

    return Monitor()

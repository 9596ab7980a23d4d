"""Build a TensorRT engine from a model file."""

from __future__ import annotations

import logging
import time
from typing import Any

from tqdm import tqdm

from mtvif_ros.engines.base import EngineError
from mtvif_ros.engines.tensorrt.flavour import Flavour
from mtvif_ros.model_file import ModelFile

_log = logging.getLogger(__name__)


def build_engine(flavour: Flavour, model: ModelFile, compute_capability: str | None = None) -> bytes:
    """Return a serialised engine; precision is the file's, fp32, fp16 or int8 as QDQ.

    `compute_capability` such as "8.6" builds for another GPU than this machine's, which TensorRT for RTX
    does without any GPU; None builds for the GPU at hand. Raises EngineError saying what TensorRT said.
    """
    trt = flavour.api
    start = time.monotonic()
    target = f"compute capability {compute_capability}" if compute_capability else "this GPU"
    _log.info("building %s for %s with %s %s", model.path.name, target, flavour.name, flavour.version)
    logger = _collecting_logger(trt)
    builder = trt.Builder(logger)
    # TensorRT 11 knows no other networks and has no flag for it.
    typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if typed is None else 1 << int(typed))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model.path.read_bytes()):
        errors = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise EngineError(f"{flavour.name} cannot read {model.path}: {errors}")
    config = builder.create_builder_config()
    if compute_capability is not None:
        _set_compute_capability(flavour, config, compute_capability)
    # Held here: TensorRT keeps no reference of its own.
    progress = _progress_bar(trt)
    config.progress_monitor = progress
    try:
        engine = builder.build_serialized_network(network, config)
    finally:
        progress.close()
    if engine is None:
        raise EngineError(f"{flavour.name} cannot build {model.path}: {'; '.join(logger.errors)}")
    content = bytes(engine)
    _log.info("built %s, %.1f MB, in %.1f s", model.path.name, len(content) / 1e6, time.monotonic() - start)
    return content


def _set_compute_capability(flavour: Flavour, config: Any, compute_capability: str) -> None:
    known = getattr(flavour.api, "ComputeCapability", None)
    if known is None:
        raise EngineError(
            f"{flavour.name} {flavour.version} builds for the GPU of its own machine only; "
            "TensorRT for RTX builds for others"
        )
    name = "SM" + compute_capability.replace(".", "")
    if name not in known.__members__:
        numbers = [member[2:-1] + "." + member[-1] for member in known.__members__ if member[:2] == "SM"]
        raise EngineError(f"compute capability {compute_capability}: choose one of {sorted(numbers)}")
    config.num_compute_capabilities = 1
    config.set_compute_capability(known.__members__[name], 0)


def _collecting_logger(trt: Any) -> Any:
    class CollectingLogger(trt.ILogger):  # type: ignore[misc]
        """Pass TensorRT's messages to logging and keep its errors for our own."""

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


def _progress_bar(trt: Any) -> Any:
    class ProgressBar(trt.IProgressMonitor):  # type: ignore[misc]
        """Show the outermost phase of a build on the screen."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._bars: dict[str, Any] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            if parent is None:
                self._bars[name] = tqdm(total=steps, desc=name, unit="step")

        def step_complete(self, name: str, step: int) -> bool:
            if name in self._bars:
                self._bars[name].update()
            return True

        def phase_finish(self, name: str) -> None:
            if name in self._bars:
                self._bars.pop(name).close()

        def close(self) -> None:
            """Close what a failed build left open."""
            for bar in self._bars.values():
                bar.close()

    return ProgressBar()

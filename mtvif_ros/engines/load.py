"""Choose a backend and load a model file with it."""

from __future__ import annotations

import importlib
import logging
import os
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from mtvif_ros.command_line import UserError, in_short
from mtvif_ros.engines.base import Engine, EngineError
from mtvif_ros.engines.cache import Key, cache_directory, cached_engine, model_key
from mtvif_ros.model_file import ModelFileError, read_model_file
from mtvif_ros.resources import model_directory
from mtvif_ros.size import Size, shown


class Backend(NamedTuple):
    """Hold a backend's module, the packages that it needs and the shipped file that it runs best."""

    module: str
    package: str
    shipped: str


# In order of preference.
BACKENDS = {
    "tensorrt": Backend("mtvif_ros.engines.tensorrt.engine", "tensorrt cuda-python", "mtvif_large_fp16.onnx"),
    "openvino": Backend("mtvif_ros.engines.openvino", "openvino", "mtvif_int8.onnx"),
    "onnxruntime": Backend("mtvif_ros.engines.onnxruntime", "onnxruntime", "mtvif.onnx"),
}

_AGAIN = "it may be damaged, so copy or export it again"
_log = logging.getLogger(__name__)


def choose_backend(backend: str = "auto") -> str:
    """Return `backend`, or for `auto` the first one that can run on this machine.

    Raises EngineError for a backend that is unknown, not installed or without its device.
    """
    if backend not in ("auto", *BACKENDS):
        raise EngineError(f"backend {backend!r} is unknown; choose one of {['auto', *BACKENDS]}")
    skipped = []
    for name in BACKENDS if backend == "auto" else (backend,):
        try:
            module = _module(name)
            if hasattr(module, "require_device"):
                module.require_device()
        except ImportError as error:
            skipped.append(f"{name}: {error}; install it with: pip install {BACKENDS[name].package}")
            continue
        except EngineError as error:
            skipped.append(f"{name}: {error}")
            continue
        for reason in skipped:
            _log.info("skipped %s", reason)
        return name
    raise EngineError("no backend can run: " + "; ".join(skipped))


def shipped_model(backend: str = "auto") -> Path:
    """Return the shipped model file that `backend` runs best. Raises what choose_backend raises."""
    return model_directory() / BACKENDS[choose_backend(backend)].shipped


def load_engine(
    path: str | Path | None,
    backend: str = "auto",
    threads: int = 0,
    device: str = "",
    size: Size | None = None,
    confidence: bool = False,
) -> Engine:
    """Load a model file and run it once, so that the first frame is as fast as the others.

    Without `path`, load the shipped file that the backend runs best. `backend` is a name in BACKENDS or
    `auto`. `threads` is the number of CPU threads, 0 for the backend's choice. `device` is CPU (also if
    empty), GPU or NPU for OpenVINO and CPU, CUDA or TensorRT for onnxruntime. `size` is that of the frames,
    by default the file's own, or 480x640 for a file of open size. An engine computes the `confidence` of a
    file that has it only if asked to; TensorRT, whose engines take minutes to build, always does. Raises
    EngineError for an unavailable device and for a file that the backend cannot run, ModelFileError for a
    file of another size, and what choose_backend and read_model_file raise.
    """
    name = choose_backend(backend)
    model = read_model_file(path or model_directory() / BACKENDS[name].shipped)
    size = model.size_for(size)
    try:
        engine: Engine = _module(name).load(model, size, threads, device, confidence)
        fused, mask, sure = engine.infer(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8))
    except (UserError, ModelFileError, ImportError, OSError):
        raise
    # Each library has errors of its own for a graph that it cannot run.
    except Exception as error:
        raise EngineError(
            f"model file {model.path}: {name} cannot run it: {in_short(error)}; {_AGAIN}"
        ) from error
    shapes = [image.shape for image in (fused, mask, sure) if image is not None]
    if shapes != [(*size, 3), size, size][: len(shapes)]:
        computed = " and ".join(map(str, shapes))
        raise EngineError(
            f"model file {model.path}: computes images of {computed} for frames of {shown(size)}; {_AGAIN}"
        )
    _log.info("engine: %s, %s", engine.description, shown(size))
    return engine


def make_ahead(path: Path, backend: str, threads: int, device: str, size: Size, confidence: bool) -> None:
    """Put an engine into the engine cache, unless an earlier call has: it loads in a tenth of a second then.

    Do nothing where engines are not kept: with onnxruntime, or without a cache that this user can write to.
    Raises what load_engine raises.
    """
    folder = cache_directory()
    if choose_backend(backend) == "onnxruntime" or folder is None or not os.access(folder, os.W_OK):
        return
    key = speed_key(path, backend, threads, device, size) | {"confidence": str(confidence)}

    def make() -> bytes:
        load_engine(path, backend, threads, device, size, confidence)
        return b""

    cached_engine(folder, key, make, ".made")


def speed_key(path: Path, backend: str, threads: int, device: str, size: Size) -> Key:
    """Return what the speed of an engine depends on apart from the processor, without making the engine.

    Raises what load_engine raises.
    """
    name = choose_backend(backend)
    model = read_model_file(path)
    return model_key(model, size) | _module(name).machine_key(device) | {"threads": str(threads)}


def _module(name: str) -> ModuleType:
    try:
        Path.home()
    except RuntimeError:  # an unknown user; OpenVINO's telemetry ends where it finds no home
        os.environ["HOME"] = "/nonexistent"
    return importlib.import_module(BACKENDS[name].module)

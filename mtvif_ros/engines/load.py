"""Choose a backend and load a model file with it."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from mtvif_ros.engines.base import Engine, EngineError
from mtvif_ros.model_file import read_model_file
from mtvif_ros.resources import model_directory


class Backend(NamedTuple):
    """Hold a backend's module of ours, what to install for it, and the shipped file it runs best."""

    module: str
    package: str
    shipped: str


# In order of preference on a machine where all are installed.
BACKENDS = {
    "tensorrt": Backend("mtvif_ros.engines.tensorrt.engine", "tensorrt cuda-python", "mtvif_fp16.onnx"),
    "openvino": Backend("mtvif_ros.engines.openvino", "openvino", "mtvif_int8.onnx"),
    "onnxruntime": Backend("mtvif_ros.engines.onnxruntime", "onnxruntime", "mtvif.onnx"),
}

_log = logging.getLogger(__name__)


def choose_backend(backend: str = "auto") -> str:
    """Return the backend's name, for `auto` that of the first that can run here.

    Raises EngineError when it is unknown, not installed or lacks its device, saying what to install.
    """
    if backend not in ("auto", *BACKENDS):
        raise EngineError(f"backend {backend!r} is unknown; choose one of {['auto', *BACKENDS]}")
    passed_over = []
    for name in BACKENDS if backend == "auto" else (backend,):
        try:
            module = _module(name)
            if hasattr(module, "require_device"):
                module.require_device()
        except ImportError as error:
            passed_over.append(f"{name}: {error}; install it with: pip install {BACKENDS[name].package}")
            continue
        except EngineError as error:
            passed_over.append(f"{name}: {error}")
            continue
        for reason in passed_over:
            _log.info("passed over %s", reason)
        return name
    raise EngineError("no backend can be used: " + "; ".join(passed_over))


def shipped_model(backend: str = "auto") -> Path:
    """Return the shipped model file that a backend runs best; raises what choose_backend raises."""
    return model_directory() / BACKENDS[choose_backend(backend)].shipped


def load_engine(path: str | Path | None, backend: str = "auto", threads: int = 0, device: str = "") -> Engine:
    """Load a model file and run it once, so that the first frame is as fast as the others.

    Without a path it is the shipped file that the backend runs best. `backend` is a name in BACKENDS
    or `auto`; `threads` is the number of CPU threads, 0 for the backend's choice; `device` is OpenVINO's
    (CPU, GPU, NPU) or onnxruntime's (CPU, CUDA, TensorRT), empty for the CPU. Raises EngineError for
    another device and what choose_backend and read_model_file raise.
    """
    name = choose_backend(backend)
    model = read_model_file(path or model_directory() / BACKENDS[name].shipped)
    engine: Engine = _module(name).load(model, threads, device)
    _log.info("engine: %s", engine.description)
    return engine


def _module(name: str) -> ModuleType:
    return importlib.import_module(BACKENDS[name].module)

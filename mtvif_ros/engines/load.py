"""Choose a backend and load a model file with it."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

from mtvif_ros.engines.base import Engine, EngineError
from mtvif_ros.model_file import read_model_file

# In order of preference on a machine where all are installed: module of ours, what to install.
BACKENDS = {
    "openvino": ("mtvif_ros.engines.openvino", "openvino"),
    "onnxruntime": ("mtvif_ros.engines.onnxruntime", "onnxruntime"),
}

_log = logging.getLogger(__name__)


def load_engine(path: str | Path, backend: str = "auto", threads: int = 0) -> Engine:
    """Load a model file and run it once, so that the first frame is as fast as the others.

    `backend` is a name in BACKENDS or `auto`, the first that is installed; `threads` is the number
    of CPU threads, 0 for the backend's choice. Raises EngineError when a backend is unknown or not
    installed, and what read_model_file raises.
    """
    if backend not in ("auto", *BACKENDS):
        raise EngineError(f"backend {backend!r} is unknown; choose one of {['auto', *BACKENDS]}")
    model = read_model_file(path)
    wanted = list(BACKENDS) if backend == "auto" else [backend]
    passed_over = []
    for name in wanted:
        module_name, package = BACKENDS[name]
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            passed_over.append(f"{name}: {error}; install it with: pip install {package}")
            continue
        engine: Engine = module.load(model, threads)
        for reason in passed_over:
            _log.info("passed over %s", reason)
        _log.info("engine: %s", engine.description)
        return engine
    raise EngineError(f"no backend can run {model.path}: " + "; ".join(passed_over))

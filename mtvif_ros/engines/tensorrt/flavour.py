"""Import TensorRT from whichever of its packages is installed."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

_OLDEST = 10  # the first with strongly typed networks and progress monitors
_RTX_LIBRARIES = ("libtensorrt_rtx.so.1", "libtensorrt_onnxparser_rtx.so.1")


class Flavour(NamedTuple):
    """Hold the name of a TensorRT package, its version and its Python module."""

    name: str
    version: str
    api: Any


def load_flavour(name: str | None = None) -> Flavour:
    """Import the flavour `name`, by default `tensorrt` or else TensorRT for RTX, `tensorrt_rtx`.

    Raises ImportError that lists every attempt.
    """
    loaders = {"tensorrt": (_tensorrt,), "tensorrt_rtx": (_tensorrt_rtx, _tensorrt_rtx_bindings)}
    tried = []
    for load in loaders[name] if name else chain.from_iterable(loaders.values()):
        try:
            return load()
        except ImportError as error:
            tried.append(str(error))
    raise ImportError("; ".join(tried))


def _tensorrt() -> Flavour:
    api = importlib.import_module("tensorrt")
    if int(api.__version__.partition(".")[0]) < _OLDEST:
        raise ImportError(f"TensorRT {api.__version__} is too old: it must be {_OLDEST} or newer")
    return Flavour("tensorrt", api.__version__, api)


def _tensorrt_rtx() -> Flavour:
    api = importlib.import_module("tensorrt_rtx")
    return Flavour("tensorrt_rtx", api.__version__, api)


def _tensorrt_rtx_bindings() -> Flavour:
    """Import the bare bindings; their libraries come inside onnxruntime's plugin wheel."""
    plugin = importlib.util.find_spec("onnxruntime_ep_nv_tensorrt_rtx")
    if plugin is not None and plugin.origin is not None:
        for name in _RTX_LIBRARIES:
            for path in sorted(Path(plugin.origin).parent.glob(f"{name}*")):
                ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    api = importlib.import_module("tensorrt_rtx_bindings.tensorrt_rtx")
    wheels = importlib.metadata.packages_distributions()["tensorrt_rtx_bindings"]
    return Flavour("tensorrt_rtx", importlib.metadata.version(wheels[0]), api)

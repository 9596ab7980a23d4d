"""Own CUDA memory, streams and graphs, through NVIDIA's cuda-python."""

from __future__ import annotations

import ctypes
import importlib
import weakref
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mtvif_ros.engines.base import EngineError

Bytes = npt.NDArray[np.uint8]


class Device(NamedTuple):
    """Hold the name and compute capability of a GPU."""

    name: str
    compute_capability: str


def runtime() -> ModuleType:
    """Import cuda-python's runtime bindings, under the name of its version.

    Raises ImportError where they are not installed.
    """
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError:
        return importlib.import_module("cuda.cudart")


def call(function: Any, *arguments: Any) -> Any:
    """Call a function of the runtime and return what it gives beside its status.

    Raises EngineError with CUDA's name of the error.
    """
    status, *values = function(*arguments)
    if int(status) != 0:
        raise EngineError(f"CUDA: {function.__name__} failed: {status.name}")
    return values[0] if len(values) == 1 else tuple(values)


def first_device() -> Device:
    """Describe the first GPU. Raises EngineError where there is none."""
    cudart = runtime()
    if call(cudart.cudaGetDeviceCount) == 0:
        raise EngineError("CUDA: no GPU found")
    properties = call(cudart.cudaGetDeviceProperties, 0)
    name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
    return Device(name.rstrip("\0"), f"{properties.major}.{properties.minor}")


class Buffer:
    """Hold one tensor twice: `host`, pinned so that copies run beside kernels, and on the GPU.

    Both are freed with the buffer; `host` must not be used longer.
    """

    def __init__(self, shape: tuple[int, ...]):
        cudart = runtime()
        self.size = int(np.prod(shape))
        self._host = call(cudart.cudaMallocHost, self.size)
        self.device = call(cudart.cudaMalloc, self.size)
        pointer = ctypes.cast(int(self._host), ctypes.POINTER(ctypes.c_uint8))
        weakref.finalize(self, _free, cudart, self._host, self.device)
        self.host: Bytes = np.ctypeslib.as_array(pointer, (self.size,)).reshape(shape)

    def upload(self, stream: Any) -> None:
        """Queue the copy to the GPU."""
        cudart = runtime()
        kind = cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        call(cudart.cudaMemcpyAsync, self.device, self._host, self.size, kind, stream)

    def download(self, stream: Any) -> None:
        """Queue the copy from the GPU."""
        cudart = runtime()
        kind = cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        call(cudart.cudaMemcpyAsync, self._host, self.device, self.size, kind, stream)


def _free(cudart: ModuleType, host: Any, device: Any) -> None:
    cudart.cudaFreeHost(host)
    cudart.cudaFree(device)

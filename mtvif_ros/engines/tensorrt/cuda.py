"""Call the CUDA runtime through NVIDIA's cuda-python: devices, errors and memory."""

from __future__ import annotations

import ctypes
import importlib
import weakref
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mtvif_ros.engines.base import EngineError
from mtvif_ros.image import Image


class Device(NamedTuple):
    """Hold the name and compute capability of a GPU."""

    name: str
    compute_capability: str


def runtime() -> ModuleType:
    """Import cuda-python's runtime bindings, whose name depends on their version.

    Raises ImportError if they are not installed.
    """
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError:
        return importlib.import_module("cuda.cudart")


def call(function: Any, *arguments: Any) -> Any:
    """Call a function of the runtime and return its results without the status.

    Raises EngineError with CUDA's name for the error, or with what cuda-python says of a missing driver.
    """
    try:
        status, *values = function(*arguments)
    except RuntimeError as error:  # cuda-python loads the driver at the first call
        raise EngineError(f"CUDA: {error}") from error
    if int(status) != 0:
        raise EngineError(f"CUDA: {function.__name__} failed: {status.name}")
    return values[0] if len(values) == 1 else tuple(values)


def first_device() -> Device:
    """Return the first GPU. Raises EngineError if there is none."""
    cudart = runtime()
    if call(cudart.cudaGetDeviceCount) == 0:
        raise EngineError("CUDA: no GPU found")
    properties = call(cudart.cudaGetDeviceProperties, 0)
    name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
    return Device(name.rstrip("\0"), f"{properties.major}.{properties.minor}")


def freed_with(owner: object, free: Any, handle: Any) -> Any:
    """Return a handle of the runtime that its function `free` takes back together with `owner`."""
    weakref.finalize(owner, free, handle)
    return handle


class Buffer:
    """Hold one uint8 tensor on the GPU and, as `host`, in pinned memory, from which copies are asynchronous.

    Both are freed together with the buffer; do not use `host` after that.
    """

    def __init__(self, shape: tuple[int, ...]):
        cudart = runtime()
        self.size = int(np.prod(shape))
        self._host = call(cudart.cudaMallocHost, self.size)
        self.device = call(cudart.cudaMalloc, self.size)
        pointer = ctypes.cast(int(self._host), ctypes.POINTER(ctypes.c_uint8))
        weakref.finalize(self, _free, cudart, self._host, self.device)
        self.host: Image = np.ctypeslib.as_array(pointer, (self.size,)).reshape(shape)

    def upload(self, stream: Any) -> None:
        """Enqueue the copy to the GPU."""
        cudart = runtime()
        kind = cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        call(cudart.cudaMemcpyAsync, self.device, self._host, self.size, kind, stream)

    def download(self, stream: Any) -> None:
        """Enqueue the copy from the GPU."""
        cudart = runtime()
        kind = cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        call(cudart.cudaMemcpyAsync, self._host, self.device, self.size, kind, stream)


def _free(cudart: ModuleType, host: Any, device: Any) -> None:
    cudart.cudaFreeHost(host)
    cudart.cudaFree(device)

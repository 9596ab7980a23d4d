"""Run a model file with TensorRT on an NVIDIA GPU, a Jetson's or a desktop's."""

from __future__ import annotations

from typing import Any

import numpy as np

from mtvif_ros.engines.base import Engine, EngineError, Inference, check_frames
from mtvif_ros.engines.cache import Key, cache_directory, cached_engine, model_key
from mtvif_ros.engines.tensorrt import cuda
from mtvif_ros.engines.tensorrt.build import build_engine
from mtvif_ros.engines.tensorrt.flavour import Flavour, load_flavour
from mtvif_ros.image import Image
from mtvif_ros.model_file import CONFIDENCE, ModelFile
from mtvif_ros.size import Size


def require_device() -> None:
    """Raise EngineError if there is no GPU and ImportError if a package is missing.

    The GPU comes first, so that a node without one does not load TensorRT's 80 MB of libraries.
    """
    cuda.first_device()
    load_flavour()


def engine_key(model: ModelFile, size: Size) -> Key:
    """Return everything that an engine depends on, for the engine cache."""
    return model_key(model, size) | machine_key()


def machine_key(device: str = "") -> Key:
    """Return what an engine depends on apart from the model: the library and the first GPU."""
    flavour, gpu = load_flavour(), cuda.first_device()
    return {
        "flavour": flavour.name,
        "version": flavour.version,
        "gpu": gpu.name,
        "compute_capability": gpu.compute_capability,
    }


class TensorRtEngine:
    """Run one pair at a time as one CUDA graph: two copies in, the network, two or three copies out."""

    def __init__(self, flavour: Flavour, model: ModelFile, size: Size, content: bytes, device: cuda.Device):
        trt = flavour.api
        self._cudart = cuda.runtime()
        self.model, self.size = model, size
        self.description = f"{flavour.name} {flavour.version} {device.name} {model.precision}"
        self._logger = trt.Logger(trt.Logger.WARNING)
        self._runtime = trt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(content)
        if self._engine is None:
            raise EngineError(f"{flavour.name} cannot load the engine built from {model.path}")
        self._context = self._engine.create_execution_context()
        shapes: dict[str, tuple[int, ...]] = {
            "rgb": (1, *size, 3),
            "ir": (1, *size),
            "fused": (1, *size, 3),
            "segmentation": (1, *size),
        }
        self.gives_confidence = model.has_confidence
        if self.gives_confidence:
            shapes[CONFIDENCE] = (1, *size)
        self._outputs = list(shapes)[2:]
        self._buffers = {name: cuda.Buffer(shape) for name, shape in shapes.items()}
        for name, buffer in self._buffers.items():
            self._context.set_tensor_address(name, int(buffer.device))
        stream = cuda.call(self._cudart.cudaStreamCreate)
        self._stream = cuda.freed_with(self, self._cudart.cudaStreamDestroy, stream)
        self._run()  # TensorRT allocates on its first run, which a capture must not do
        self._graph = self._capture()

    def infer(self, rgb: Image, ir: Image) -> Inference:
        """Fuse and segment one pair; see Engine.infer."""
        check_frames(self, rgb, ir)
        np.copyto(self._buffers["rgb"].host[0], rgb)
        np.copyto(self._buffers["ir"].host[0], ir)
        cuda.call(self._cudart.cudaGraphLaunch, self._graph, self._stream)
        cuda.call(self._cudart.cudaStreamSynchronize, self._stream)
        return Inference(*(self._buffers[name].host[0] for name in self._outputs))

    def _queue(self) -> None:
        for name in ("rgb", "ir"):
            self._buffers[name].upload(self._stream)
        if not self._context.execute_async_v3(int(self._stream)):
            raise EngineError(f"TensorRT cannot run {self.model.path}")
        for name in self._outputs:
            self._buffers[name].download(self._stream)

    def _run(self) -> None:
        self._queue()
        cuda.call(self._cudart.cudaStreamSynchronize, self._stream)

    def _capture(self) -> Any:
        mode = self._cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        cuda.call(self._cudart.cudaStreamBeginCapture, self._stream, mode)
        self._queue()
        graph = cuda.call(self._cudart.cudaStreamEndCapture, self._stream)
        try:
            executable = cuda.call(self._cudart.cudaGraphInstantiate, graph, 0)
        finally:
            self._cudart.cudaGraphDestroy(graph)
        return cuda.freed_with(self, self._cudart.cudaGraphExecDestroy, executable)


def load(model: ModelFile, size: Size, threads: int, device: str = "", confidence: bool = False) -> Engine:
    """Load the engine from the cache, or build it, for the first GPU.

    CUDA_VISIBLE_DEVICES chooses the GPU; `threads`, `device` and `confidence` have no effect.
    """
    gpu = cuda.first_device()
    flavour = load_flavour()
    content = cached_engine(
        cache_directory(), engine_key(model, size), lambda: build_engine(flavour, model, size)
    )
    return TensorRtEngine(flavour, model, size, content, gpu)

"""Run a model file with OpenVINO on the CPU, an Intel GPU or an NPU."""

from __future__ import annotations

import functools
import io

import numpy as np
import openvino

from mtvif_ros.engines.base import Engine, EngineError, Inference, check_frames
from mtvif_ros.engines.cache import Key, cache_directory, cached_engine, model_key
from mtvif_ros.image import Image
from mtvif_ros.machine import vector_instructions
from mtvif_ros.model_file import CONFIDENCE, ModelFile
from mtvif_ros.size import Size


class OpenVinoEngine:
    """Run one pair at a time at the lowest latency, floats in bfloat16 where the CPU has it.

    The compiled network goes into the engine cache, which shortens later starts.
    """

    def __init__(self, model: ModelFile, size: Size, threads: int, device: str, confidence: bool):
        machine = machine_key(device)
        core = shared_core()
        config: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads and device == "CPU":
            config["INFERENCE_NUM_THREADS"] = threads
        # OpenVINO's own cache loads a damaged blob silently, so its blobs go through ours.
        key = model_key(model, size) | machine | {"config": str(config)}
        self.gives_confidence = confidence and model.has_confidence
        if self.gives_confidence:
            key["with"] = CONFIDENCE

        def compile_blob() -> bytes:
            network = core.read_model(model.content(size, confidence))
            blob = core.compile_model(network, device, config).export_model()
            return blob if isinstance(blob, bytes) else blob.getvalue()  # depends on OpenVINO's version

        compiled = core.import_model(
            io.BytesIO(cached_engine(cache_directory(), key, compile_blob)), device, config
        )
        floats = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        precision = floats if model.precision == "fp32" else f"{model.precision}+{floats}"
        self.model, self.size = model, size
        self.description = f"openvino {openvino.__version__.split('-')[0]} {device} {precision}"
        self._request = compiled.create_infer_request()
        shapes: dict[str, tuple[int, ...]] = {"fused": (*size, 3), "segmentation": size}
        if self.gives_confidence:
            shapes[CONFIDENCE] = size
        images = {name: np.empty((1, *shape), np.uint8) for name, shape in shapes.items()}
        for name, array in images.items():
            self._request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
        self._inference = Inference(*(array[0] for array in images.values()))

    def infer(self, rgb: Image, ir: Image) -> Inference:
        """Fuse and segment one pair; see Engine.infer."""
        check_frames(self, rgb, ir)
        for name, array in (("rgb", rgb), ("ir", ir)):
            self._request.set_tensor(name, openvino.Tensor(array[None], shared_memory=True))
        self._request.infer()
        return self._inference


@functools.cache
def shared_core() -> openvino.Core:
    """Return the one core of this process, which stays until the process ends.

    Each core gives its thread an alternative signal stack and restores the one before it when it ends. Where
    cores do not end in reverse order, the stack that stays is freed memory, and the next signal, Ctrl-C for
    one, crashes Python.
    """
    return openvino.Core()


def machine_key(device: str = "") -> Key:
    """Return what an engine depends on apart from the model: the library, the device and its instructions.

    Raises EngineError for an unavailable device.
    """
    core, device = shared_core(), device or "CPU"
    if device not in (known := core.available_devices):
        raise EngineError(f"openvino: device {device!r} is not available; choose one of {known}")
    return {
        "flavour": "openvino",
        "version": openvino.__version__,
        "device": str(core.get_property(device, "FULL_DEVICE_NAME")),
        "instructions": vector_instructions(),
    }


def load(model: ModelFile, size: Size, threads: int, device: str = "", confidence: bool = False) -> Engine:
    """Compile the model for `device`, by default the CPU."""
    return OpenVinoEngine(model, size, threads, device or "CPU", confidence)

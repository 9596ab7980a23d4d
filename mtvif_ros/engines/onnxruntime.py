"""Run a model file with onnxruntime, the reference for the other backends, on the CPU, CUDA or TensorRT."""

from __future__ import annotations

import numpy as np
import onnxruntime

from mtvif_ros.engines.base import Engine, EngineError, Inference, check_frames
from mtvif_ros.engines.cache import Key
from mtvif_ros.image import Image
from mtvif_ros.model_file import CONFIDENCE, ModelFile
from mtvif_ros.size import Size

_PROVIDERS = {
    "CPU": "CPUExecutionProvider",
    "CUDA": "CUDAExecutionProvider",
    "TensorRT": "TensorrtExecutionProvider",
}


class OnnxRuntimeEngine:
    """Run one pair at a time in the file's own precision."""

    def __init__(self, model: ModelFile, size: Size, threads: int, device: str, confidence: bool):
        provider = _PROVIDERS.get(device)
        if provider not in (available := onnxruntime.get_available_providers()):
            known = [name for name, its in _PROVIDERS.items() if its in available]
            raise EngineError(
                f"onnxruntime: device {device!r} is not available; choose one of {known} "
                "(CUDA and TensorRT come with onnxruntime-gpu)"
            )
        if device != "CPU" and hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # finds the libraries of NVIDIA's wheels, which no loader searches
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            model.content(size, confidence),
            options,
            providers=list(dict.fromkeys((provider, _PROVIDERS["CPU"]))),
        )
        # onnxruntime falls back to the CPU and only logs it.
        if self._session.get_providers()[0] != provider:
            raise EngineError(f"onnxruntime: device {device!r} does not work; its libraries do not load")
        self.model, self.size = model, size
        self._outputs = ["fused", "segmentation"]
        self.gives_confidence = confidence and model.has_confidence
        if self.gives_confidence:
            self._outputs.append(CONFIDENCE)
        self.description = f"onnxruntime {onnxruntime.__version__} {device} {model.precision}"

    def infer(self, rgb: Image, ir: Image) -> Inference:
        """Fuse and segment one pair; see Engine.infer."""
        check_frames(self, rgb, ir)
        images = self._session.run(self._outputs, {"rgb": rgb[None], "ir": ir[None]})
        return Inference(*(np.asarray(image, np.uint8)[0] for image in images))


def machine_key(device: str = "") -> Key:
    """Return what the speed depends on apart from the model: the library and the device."""
    return {"flavour": "onnxruntime", "version": onnxruntime.__version__, "device": device or "CPU"}


def load(model: ModelFile, size: Size, threads: int, device: str = "", confidence: bool = False) -> Engine:
    """Load the model for `device`, by default the CPU."""
    return OnnxRuntimeEngine(model, size, threads, device or "CPU", confidence)

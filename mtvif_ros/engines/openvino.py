"""Run a model file with OpenVINO on the CPU."""

from __future__ import annotations

import numpy as np
import openvino

from mtvif_ros.engines.base import Engine, Image, check_frames
from mtvif_ros.model_file import ModelFile


class OpenVinoEngine:
    """Run one pair at a time at the lowest latency; bfloat16 is used where the CPU has it."""

    def __init__(self, model: ModelFile, threads: int):
        core = openvino.Core()
        config: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        compiled = core.compile_model(str(model.path), "CPU", config)
        floats = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        precision = floats if model.precision == "fp32" else f"{model.precision}+{floats}"
        self.model = model
        self.description = f"openvino {openvino.__version__.split('-')[0]} CPU {precision}"
        self._request = compiled.create_infer_request()
        size = (1, model.height, model.width)
        self._fused = np.empty((*size, 3), np.uint8)
        self._mask = np.empty(size, np.uint8)
        for name, array in (("fused", self._fused), ("segmentation", self._mask)):
            self._request.set_tensor(name, openvino.Tensor(array, shared_memory=True))

    def infer(self, rgb: Image, ir: Image) -> tuple[Image, Image]:
        """Fuse and segment one pair; see Engine.infer."""
        check_frames(self.model, rgb, ir)
        for name, array in (("rgb", rgb), ("ir", ir)):
            self._request.set_tensor(name, openvino.Tensor(array[None], shared_memory=True))
        self._request.infer()
        return self._fused[0], self._mask[0]


def load(model: ModelFile, threads: int) -> Engine:
    """Compile the model and run it once."""
    engine = OpenVinoEngine(model, threads)
    size = (model.height, model.width)
    engine.infer(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8))
    return engine

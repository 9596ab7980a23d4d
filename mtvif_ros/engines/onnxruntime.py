"""Run a model file with onnxruntime on the CPU; the reference for the other backends."""

from __future__ import annotations

import numpy as np
import onnxruntime

from mtvif_ros.engines.base import Engine, Image, check_frames
from mtvif_ros.model_file import ModelFile


class OnnxRuntimeEngine:
    """Run one pair at a time in the precision of the file."""

    def __init__(self, model: ModelFile, threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(model.path), options, providers=["CPUExecutionProvider"]
        )
        self.model = model
        self.description = f"onnxruntime {onnxruntime.__version__} CPU {model.precision}"

    def infer(self, rgb: Image, ir: Image) -> tuple[Image, Image]:
        """Fuse and segment one pair; see Engine.infer."""
        check_frames(self.model, rgb, ir)
        fused, mask = self._session.run(["fused", "segmentation"], {"rgb": rgb[None], "ir": ir[None]})
        return np.asarray(fused, np.uint8)[0], np.asarray(mask, np.uint8)[0]


def load(model: ModelFile, threads: int) -> Engine:
    """Load the model and run it once."""
    engine = OnnxRuntimeEngine(model, threads)
    size = (model.height, model.width)
    engine.infer(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8))
    return engine

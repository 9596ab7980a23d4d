"""Run a model file on OpenVINO, onnxruntime or TensorRT behind one protocol."""

from mtvif_ros.engines.base import Engine, EngineError, Inference
from mtvif_ros.engines.load import BACKENDS, load_engine, shipped_model

__all__ = ["BACKENDS", "Engine", "EngineError", "Inference", "load_engine", "shipped_model"]

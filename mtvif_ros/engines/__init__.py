"""Run a model file on OpenVINO, onnxruntime or TensorRT behind one protocol."""

from mtvif_ros.engines.base import Engine, EngineError
from mtvif_ros.engines.load import BACKENDS, load_engine, shipped_model

__all__ = ["BACKENDS", "Engine", "EngineError", "load_engine", "shipped_model"]

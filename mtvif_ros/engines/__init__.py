"""Run a model file: one protocol, exchangeable backends."""

from mtvif_ros.engines.base import Engine, EngineError
from mtvif_ros.engines.load import BACKENDS, load_engine, shipped_model

__all__ = ["BACKENDS", "Engine", "EngineError", "load_engine", "shipped_model"]

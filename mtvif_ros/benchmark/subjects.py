"""Wrap what a benchmark times: a model file of this package or any other ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mtvif_ros.command_line import in_short
from mtvif_ros.engines import Engine, EngineError, load_engine
from mtvif_ros.engines.load import choose_backend
from mtvif_ros.size import Size, shown
from mtvif_ros.synthetic import RoadScene, SceneConfig

_OPENVINO_TYPES = {"f32": np.float32, "f16": np.float16, "u8": np.uint8, "i64": np.int64, "i32": np.int32}
_ONNX_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


FOREIGN = ("openvino", "onnxruntime")
"""The backends that run any ONNX file."""


class Subject(NamedTuple):
    """Hold a file name, its frame size, the engine and a function that runs the network once."""

    model: str
    size: str
    engine: str
    run: Callable[[], Any]


def own_subject(path: Path, backend: str, threads: int = 0, size: Size | None = None) -> Subject:
    """Load a model file of this package, to run on a rendered pair. Raises what load_engine raises."""
    return subject_of(load_engine(path, backend, threads, size=size))


def subject_of(engine: Engine) -> Subject:
    """Return an engine of this package, to run on a rendered pair."""
    height, width = engine.size
    frame = RoadScene(SceneConfig(seed=3, time="dusk", width=width, height=height)).frame(0)
    return Subject(
        engine.model.path.name,
        shown(engine.size),
        engine.description,
        lambda: engine.infer(frame.rgb, frame.ir),
    )


def foreign_subject(path: Path, backend: str, threads: int = 0) -> Subject:
    """Load any ONNX file with fixed shapes, to run on one set of random inputs.

    `backend` is one of FOREIGN. Raises EngineError for other backends, symbolic shapes, unsupported
    types and files that the backend cannot run.
    """
    load = {"openvino": _with_openvino, "onnxruntime": _with_onnxruntime}.get(backend)
    if load is None:
        raise EngineError(f"{path}: --foreign runs on openvino or onnxruntime, not on {backend}")
    choose_backend(backend)
    try:
        subject = load(path, threads)
        subject.run()
    except (EngineError, ImportError):
        raise
    # Each library has errors of its own for a file that it cannot run.
    except Exception as error:
        raise EngineError(f"--foreign {path}: {backend} cannot run it: {in_short(error)}") from error
    return subject


def _random(path: Path, name: str, shape: list[Any], kind: Any) -> Any:
    if kind is None or not all(isinstance(side, int) and side > 0 for side in shape):
        raise EngineError(f"{path}: input {name} has the shape {shape}; export it with fixed sizes")
    rng = np.random.default_rng(0)
    if np.issubdtype(kind, np.integer):
        return rng.integers(0, 256 if kind == np.uint8 else 2, shape).astype(kind)
    return rng.random(shape).astype(kind)


def _describe(shapes: list[list[int]]) -> str:
    return " ".join("x".join(str(side) for side in shape) for shape in shapes)


def _with_openvino(path: Path, threads: int) -> Subject:
    import openvino

    from mtvif_ros.engines.openvino import shared_core

    config: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
    if threads:
        config["INFERENCE_NUM_THREADS"] = threads
    compiled = shared_core().compile_model(str(path), "CPU", config)
    request = compiled.create_infer_request()
    shapes, inputs = [], []
    for port in compiled.inputs:
        shape = [side.get_length() if side.is_static else 0 for side in port.get_partial_shape()]
        kind = _OPENVINO_TYPES.get(port.get_element_type().get_type_name())
        inputs.append(_random(path, port.get_any_name(), shape, kind))
        shapes.append(shape)
    floats = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    version = openvino.__version__.split("-")[0]
    return Subject(
        path.name, _describe(shapes), f"openvino {version} CPU {floats}", lambda: request.infer(inputs)
    )


def _with_onnxruntime(path: Path, threads: int) -> Subject:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = {
        port.name: _random(path, port.name, port.shape, _ONNX_TYPES.get(port.type))
        for port in session.get_inputs()
    }
    shapes = [list(array.shape) for array in inputs.values()]
    return Subject(
        path.name,
        _describe(shapes),
        f"onnxruntime {onnxruntime.__version__} CPU",
        lambda: session.run(None, inputs),
    )

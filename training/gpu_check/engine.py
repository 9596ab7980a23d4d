"""Measure one model file on one engine: build, latency, and agreement with the CPU."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from mtvif_ros.benchmark.command import benchmark
from mtvif_ros.benchmark.subjects import subject_of
from mtvif_ros.engines import Engine, load_engine
from mtvif_ros.engines.tensorrt import cuda
from mtvif_ros.engines.tensorrt.build import build_engine
from mtvif_ros.engines.tensorrt.engine import TensorRtEngine
from mtvif_ros.engines.tensorrt.flavour import load_flavour
from mtvif_ros.model_file import read_model_file
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig
from mtvif_ros.synthetic.light import TIMES
from training.gpu_check.process import Note, Skipped
from training.scoring.parity import Outputs, compare_outputs

_MOMENTS = (0, 20)


def measure(note: Note, backend: str, device: str, model: Path, runs: int) -> None:
    """Note the seconds to build the engine, its latency with copies to and from the device, and parity.

    `backend` is openvino or onnxruntime, with a `device`, or tensorrt or tensorrt_rtx, whose engine comes
    from no cache. Parity is with onnxruntime on the CPU and the same file: shares of pixels, see Parity.
    """
    start = time.monotonic()
    engine = _load(backend, device, model)
    note({"build_s": round(time.monotonic() - start, 2)})
    (timed,) = benchmark([subject_of(engine)], runs)
    note(timed)
    frames = _frames(engine)
    reference = load_engine(model, "onnxruntime", size=engine.size)
    parity = compare_outputs(_outputs(reference, frames), _outputs(engine, frames))
    note({"mask_equal": parity.mask_equal, "within_one": parity.within_one})


def _load(backend: str, device: str, path: Path) -> Engine:
    if not backend.startswith("tensorrt"):
        return load_engine(path, backend, device=device)
    model = read_model_file(path)
    if model.precision == "int8":
        raise Skipped(f"{path.name}: TensorRT reads only what `training.quantise --signed` writes")
    flavour, gpu = load_flavour(backend), cuda.first_device()
    size = model.size_for(None)
    return TensorRtEngine(flavour, model, size, build_engine(flavour, model, size), gpu)


def _frames(engine: Engine) -> list[Frame]:
    height, width = engine.size
    scenes = [RoadScene(SceneConfig(seed=3, time=time, width=width, height=height)) for time in TIMES]
    return [scene.frame(moment) for scene in scenes for moment in _MOMENTS]


def _outputs(engine: Engine, frames: Sequence[Frame]) -> list[Outputs]:
    """Return copies, because the next call overwrites an engine's outputs."""
    given = (engine.infer(frame.rgb, frame.ir) for frame in frames)
    return [(fused.copy(), mask.copy()) for fused, mask, _ in given]

"""Without a GPU, TensorRT for RTX builds real engines; running them needs one."""

import ctypes
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from mtvif_ros.engines import EngineError, load_engine
from mtvif_ros.engines.tensorrt import cuda
from mtvif_ros.engines.tensorrt.build import build_engine
from mtvif_ros.engines.tensorrt.command import main
from mtvif_ros.engines.tensorrt.engine import TensorRtEngine
from mtvif_ros.engines.tensorrt.flavour import Flavour, load_flavour
from mtvif_ros.model_file import read_model_file
from mtvif_ros.resources import model_directory
from mtvif_ros.synthetic import Frame

# int8 for TensorRT is made by `training.quantise --signed`; tests/training/test_quantise.py builds it.
SHIPPED = ("mtvif.onnx", "mtvif_fp16.onnx", "mtvif_large_fp16.onnx")
SIZE = (480, 640)


def has_gpu() -> str | None:
    """Return why an engine cannot run here, None where it can."""
    try:
        from mtvif_ros.engines.tensorrt import engine as tensorrt

        tensorrt.require_device()
    except (ImportError, EngineError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("compute_capability", ["8.6", "8.9", "12.0"])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_floating_point_file_becomes_an_engine(
    name: str, compute_capability: str, tensorrt_rtx: Flavour
) -> None:
    model = read_model_file(model_directory() / name)
    assert len(build_engine(tensorrt_rtx, model, SIZE, compute_capability)) > 100_000


def test_a_flavour_can_be_chosen(tensorrt_rtx: Flavour) -> None:
    assert load_flavour("tensorrt_rtx").name == "tensorrt_rtx"
    with pytest.raises(ImportError, match="'tensorrt'"):
        load_flavour("tensorrt")


def test_tensorrt_before_10_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """JetPack 6.0 has 8.6; `auto` takes an ImportError for a backend that is missing."""
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__="8.6.2"))
    with pytest.raises(ImportError, match=r"TensorRT 8\.6\.2 is too old: it must be 10 or newer"):
        load_flavour("tensorrt")


def test_a_file_that_tensorrt_cannot_read_is_named(tensorrt_rtx: Flavour, tmp_path: Path) -> None:
    model = read_model_file(model_directory() / SHIPPED[0])
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    with pytest.raises(EngineError, match=r"cannot read .*broken\.onnx"):
        build_engine(tensorrt_rtx, replace(model, path=broken, size=SIZE), SIZE, "8.6")


def test_an_unknown_compute_capability_is_refused_with_those_that_exist(tensorrt_rtx: Flavour) -> None:
    model = read_model_file(model_directory() / SHIPPED[0])
    with pytest.raises(EngineError, match=r"3\.5: choose one of .*8\.6"):
        build_engine(tensorrt_rtx, model, SIZE, "3.5")


def test_the_command_writes_an_engine_for_another_gpu(tensorrt_rtx: Flavour, tmp_path: Path) -> None:
    out = tmp_path / "orin.engine"
    main(["--compute-capability", "8.6", "--out", str(out)])
    assert out.stat().st_size > 100_000


@pytest.mark.skipif(has_gpu() is None, reason="this machine has a GPU, on which TensorRT is used")
def test_without_a_gpu_tensorrt_is_skipped_before_its_libraries_load(tensorrt_rtx: Flavour) -> None:
    code = "import mtvif_ros.engines as e; e.shipped_model(); print(open('/proc/self/maps').read())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "openvino" in done.stdout or "onnxruntime" in done.stdout
    assert "libtensorrt" not in done.stdout


def test_the_command_names_a_file_that_does_not_exist(
    tensorrt_rtx: Flavour, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = str(tmp_path / "absent.onnx")
    with pytest.raises(SystemExit) as ended:
        main([absent, "--out", str(tmp_path / "x.engine")])
    assert ended.value.code == 1
    assert "absent.onnx" in capsys.readouterr().err


def test_without_a_gpu_the_backend_says_so(model_path: Path) -> None:
    if has_gpu() is None:
        pytest.skip("a GPU is here")
    with pytest.raises(EngineError, match=r"tensorrt: .*(CUDA|pip install tensorrt cuda-python)"):
        load_engine(model_path, "tensorrt")


class HandlesAlone:
    """Stand in for CUDA's runtime, which does not run here: give handles and know those not given back."""

    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self) -> None:
        self.held: dict[int, Any] = {}

    def _give(self, size: int = 1) -> tuple[int, int]:
        memory = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(memory)] = memory
        return 0, ctypes.addressof(memory)

    def _take(self, handle: int) -> tuple[int]:
        del self.held[handle]
        return (0,)

    def _do(self, *_: object) -> tuple[int]:
        return (0,)

    def _give_of(self, handle: int, flags: int = 0) -> tuple[int, int]:
        assert handle in self.held
        return self._give()

    cudaMalloc = cudaMallocHost = cudaStreamCreate = _give
    cudaStreamEndCapture = cudaGraphInstantiate = _give_of
    cudaFree = cudaFreeHost = cudaStreamDestroy = cudaGraphDestroy = cudaGraphExecDestroy = _take
    cudaMemcpyAsync = cudaStreamBeginCapture = cudaStreamSynchronize = cudaGraphLaunch = _do


def test_an_engine_gives_back_all_that_it_took_of_the_gpu(
    toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = HandlesAlone()
    monkeypatch.setattr(cuda, "runtime", lambda: runtime)
    flavour, device = Flavour("tensorrt", "10.0", MagicMock()), cuda.Device("GPU", "8.6")
    engine = TensorRtEngine(flavour, read_model_file(toy_model), (60, 80), b"", device)
    assert len(runtime.held) == 4 * 2 + 2  # tensors, here and there; the stream and the graph that runs
    del engine
    assert runtime.held == {}


@pytest.mark.gpu
def test_on_a_gpu_it_agrees_with_onnxruntime(
    night_frame: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = has_gpu()
    if missing:
        pytest.skip(f"no GPU: {missing}")
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", str(tmp_path))
    path = model_directory() / "mtvif.onnx"
    (fused, mask, _), (fused_reference, mask_reference, _) = (
        load_engine(path, backend).infer(night_frame.rgb, night_frame.ir)
        for backend in ("tensorrt", "onnxruntime")
    )
    assert (np.abs(fused.astype(int) - fused_reference) <= 1).mean() >= 0.999
    assert (mask == mask_reference).mean() >= 0.999

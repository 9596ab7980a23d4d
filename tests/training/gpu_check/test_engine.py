"""onnxruntime on the CPU stands in for the engines that need a GPU."""

from pathlib import Path
from typing import Any

import pytest

from mtvif_ros.engines import EngineError
from training.gpu_check.engine import measure
from training.gpu_check.process import Skipped


def test_an_engine_has_a_build_time_a_latency_and_parity(model_path: Path) -> None:
    noted: dict[str, Any] = {}
    measure(noted.update, "onnxruntime", "CPU", model_path, runs=5)
    assert noted["model"] == model_path.name and noted["engine"].startswith("onnxruntime")
    assert noted["build_s"] > 0
    assert 0 < noted["p50_ms"] <= noted["p99_ms"] and noted["pairs_per_s"] > 0
    assert noted["mask_equal"] == noted["within_one"] == 1


def test_parity_is_with_onnxruntime_on_the_cpu(model_path: Path) -> None:
    noted: dict[str, Any] = {}
    measure(noted.update, "openvino", "CPU", model_path.with_name("mtvif_int8.onnx"), runs=5)
    assert 0.9 < noted["mask_equal"] <= 1 and 0.9 < noted["within_one"] <= 1


def test_a_file_that_tensorrt_does_not_read_is_skipped(model_path: Path) -> None:
    with pytest.raises(Skipped, match=r"mtvif_int8\.onnx: .*--signed"):
        measure(dict[str, Any]().update, "tensorrt_rtx", "", model_path.with_name("mtvif_int8.onnx"), runs=5)


def test_a_device_that_is_not_there_is_named(model_path: Path) -> None:
    with pytest.raises(EngineError, match="device 'QPU' is not available"):
        measure(dict[str, Any]().update, "onnxruntime", "QPU", model_path, runs=5)

import json
from pathlib import Path

import pytest

from mtvif_ros.evaluation.benchmark import main


def test_every_backend_is_timed_beside_the_others(
    model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "numbers.json"
    assert main([str(model_path), "--runs", "10", "--json", str(out)]) == 0
    results = json.loads(out.read_text())["results"]
    assert [r["engine"].split()[0] for r in results] == ["openvino", "onnxruntime"]
    for r in results:
        assert 0 < r["p50_ms"] <= r["p90_ms"] <= r["p99_ms"]
        assert r["pairs_per_s"] > 0
    assert "cores" in capsys.readouterr().out


def test_an_unusable_model_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.onnx")]) == 1
    assert "none.onnx: no such file" in capsys.readouterr().err

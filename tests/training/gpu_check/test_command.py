import inspect
import json
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mtvif_ros.machine import this_machine
from mtvif_ros.resources import model_directory
from training.gpu_check import command
from training.gpu_check.card import Card
from training.gpu_check.process import Part
from training.gpu_check.report import Report


def part(name: str, ending: str) -> Part:
    return Part(name, "tests.training.gpu_check.behaviour", {"ending": ending}, 120)


def report() -> Report:
    return Report("2026-12-01", this_machine(), Card("none", "0", 0), {})


def held(out: Path) -> list[dict[str, Any]]:
    return json.loads((out / "gpu.json").read_text())["parts"]


def test_without_a_gpu_it_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit) as ended:
        command.main(["--out", str(tmp_path / "out")])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gpu-check: no NVIDIA GPU: nvidia-smi is missing")
    assert not (tmp_path / "out").exists()


def test_make_takes_the_python_that_has_the_gpu_packages(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[3] / "Makefile", tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    make = ["make", "--no-print-directory", "-n", "gpu-check", "PYTHON=its"]  # within `make test`, too
    told = subprocess.check_output(make, cwd=tmp_path, text=True)
    assert told.startswith("its -m training.gpu_check.command ")


def test_a_crash_costs_only_its_own_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [part("one", "finish"), part("two", "crash"), part("three", "finish")]
    command.run_parts(parts, report(), tmp_path, budget_s=600)
    assert [(one["name"], one["status"]) for one in held(tmp_path)] == [
        ("one", "measured"),
        ("two", "failed"),
        ("three", "measured"),
    ]
    assert all(one["result"]["second"] == 2 for one in held(tmp_path))
    assert [line.split(" in ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "1 of 3: one: measured",
        "2 of 3: two: failed",
        "3 of 3: three: measured",
    ]


def test_parts_beyond_the_budget_are_skipped(tmp_path: Path) -> None:
    command.run_parts([part("one", "finish")], report(), tmp_path, budget_s=0)
    (only,) = held(tmp_path)
    assert (only["status"], only["reason"]) == ("skipped", "the parts before it took 0 s")


def test_a_real_engine_ends_in_the_table(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'A stand-in, 1.2, 3'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    arguments = {"backend": "onnxruntime", "device": "CPU", "model": model_path, "runs": 5}
    on_cpu = Part("on the CPU", "training.gpu_check.engine", arguments, 120)
    monkeypatch.setattr(command, "plan", lambda: [on_cpu, part("bad", "raise")])
    with pytest.raises(SystemExit) as ended:
        command.main(["--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    shown = capsys.readouterr().out
    assert shown.startswith("A stand-in, driver 1.2, ")
    assert "| mtvif.onnx | onnxruntime " in shown and "| 100.000% | 100.000% |" in shown
    assert [one["status"] for one in held(tmp_path / "out")] == ["measured", "failed"]


def test_every_shipped_file_meets_every_engine_and_every_part_can_be_called() -> None:
    parts = command.plan()
    assert len({one.name for one in parts}) == len(parts)
    met = {(one.arguments["model"], one.arguments["backend"]) for one in parts if "model" in one.arguments}
    models = set(model_directory().glob("*.onnx"))
    assert models and met == {
        (model, backend) for model in models for backend in ("tensorrt", "tensorrt_rtx", "onnxruntime")
    }
    for one in parts:
        inspect.signature(import_module(one.module).measure).bind(print, **one.arguments)

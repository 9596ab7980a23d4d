import json
from pathlib import Path

from mtvif_ros.machine import Machine
from training.gpu_check.card import Card
from training.gpu_check.process import Outcome
from training.gpu_check.report import Report, format_report, write_report

ENGINE = {
    "model": "mtvif.onnx",
    "size": "480x640",
    "engine": "tensorrt 11.4 NVIDIA H200 fp32",
    "build_s": 31.27,
    "p50_ms": 1.256,
    "p90_ms": 1.4,
    "p99_ms": 2.5,
    "pairs_per_s": 700.4,
    "mask_equal": 0.99991,
    "within_one": 1.0,
}


def report() -> Report:
    return Report(
        "2026-12-01",
        Machine("Intel Xeon", 16, "Linux", "3.12.3", {"numpy": "2.2.6"}),
        Card("NVIDIA H200", "580.159.03", 143771),
        {"torch": "2.13.0"},
        [
            Outcome("GPU tests", "measured", "", 20.0, {"passed": 3, "failed": [], "skipped": {"x": "y"}}),
            Outcome("mtvif.onnx tensorrt", "measured", "", 40.0, ENGINE),
            Outcome(
                "float32, graphs", "measured", "", 9.0, {"batch": 3, "crop": [384, 512], "step_ms": 61.5}
            ),
        ],
    )


def test_the_tables_have_every_number() -> None:
    assert format_report(report()).splitlines() == [
        "NVIDIA H200, driver 580.159.03, Intel Xeon, 16 cores, Python 3.12.3, 2026-12-01, `make gpu-check`:",
        "",
        "| model | engine | build s | p50 ms | p99 ms | pairs/s | mask equal | fused within 1 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| mtvif.onnx | tensorrt 11.4 NVIDIA H200 fp32 | 31.3 | 1.26 | 2.50 | 700 | 99.991% | 100.000% |",
        "",
        "| training step | batch | ms |",
        "| --- | --- | --- |",
        "| float32, graphs | 3 of 384x512 | 61.5 |",
        "",
        "GPU tests: 3 passed, 0 failed, 1 skipped.",
    ]


def test_a_part_that_ended_early_shows_what_it_measured_and_why_it_ended() -> None:
    early = report()
    early.parts = [
        Outcome("mtvif.onnx tensorrt", "failed", "took longer than 120 s", 120.0, {"build_s": 100.0}),
        Outcome("mtvif.onnx tensorrt_rtx", "skipped", "No module named 'tensorrt_rtx'", 1.0),
    ]
    shown = format_report(early)
    assert "| - | - | 100.0 | - | - | - | - | - |" in shown
    assert shown.endswith(
        "\n\n- mtvif.onnx tensorrt: failed: took longer than 120 s"
        "\n- mtvif.onnx tensorrt_rtx: skipped: No module named 'tensorrt_rtx'"
    )


def test_the_file_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    write_report(report(), path)
    held = json.loads(path.read_text())
    assert list(held) == ["schema", "date", "machine", "gpu", "versions", "parts"]
    assert held["schema"] == 1
    assert held["machine"]["processor"] == "Intel Xeon" and held["versions"] == {"torch": "2.13.0"}
    assert held["gpu"] == {"name": "NVIDIA H200", "driver": "580.159.03", "memory_mib": 143771}
    for part in held["parts"]:
        assert list(part) == ["name", "status", "reason", "seconds", "result"]
    assert held["parts"][1]["result"] == ENGINE
    assert list(tmp_path.iterdir()) == [path]

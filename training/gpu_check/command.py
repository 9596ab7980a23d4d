"""Measure on this machine's NVIDIA GPU, in at most eight minutes; `make gpu-check` runs this.

python -m training.gpu_check.command --out runs/gpu

Runs the GPU tests, training steps, and every shipped file on TensorRT, TensorRT for RTX and onnxruntime's
CUDA provider, as far as they are installed, each in a process of its own. Writes gpu.json after each of them,
and what they print beside it. Prints tables. Exit code 2: a part failed.
"""

from __future__ import annotations

import datetime
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mtvif_ros.command_line import command_parser, told_plainly
from mtvif_ros.machine import installed_versions, this_machine
from mtvif_ros.resources import model_directory
from training.gpu_check.card import find_card
from training.gpu_check.process import Outcome, Part, run_part
from training.gpu_check.report import Report, format_report, write_report

_ROOT = Path(__file__).parents[2]
_BUDGET_S = 460.0  # of eight minutes
_ENGINES = {"tensorrt": "", "tensorrt_rtx": "", "onnxruntime": "CUDA"}
_PACKAGES = (
    "cuda-python",
    "nvidia-cudnn-cu13",
    "onnxruntime-gpu",
    "tensorrt-cu13",
    "tensorrt-rtx-cu13-bindings",
    "torch",
)


def plan() -> list[Part]:
    """Return the parts of a check, those that say most first."""
    parts = [_part("GPU tests", "marked_tests", 120, folder=_ROOT / "tests", marker="gpu")]
    for model in sorted(model_directory().glob("*.onnx")):
        for backend, device in _ENGINES.items():
            name = " ".join(filter(None, (model.name, backend, device)))
            parts.append(_part(name, "engine", 120, backend=backend, device=device, model=model, runs=500))
    config = _ROOT / "training/configs/mtvif.yaml"
    for bf16 in (True, False):
        for graphs in (True, False):
            name = ("bfloat16" if bf16 else "float32") + (", graphs" if graphs else "")
            way = {"bf16": bf16, "graphs": graphs}
            parts.append(_part(name, "step", 60, device="cuda", config=config, steps=20, **way))
    return parts


def _part(name: str, module: str, limit_s: float, **arguments: object) -> Part:
    return Part(name, f"training.gpu_check.{module}", arguments, limit_s)


def run_parts(parts: Sequence[Part], report: Report, out: Path, budget_s: float) -> None:
    """Add every part's outcome to the report and write it to `out`/gpu.json after each.

    Parts for which the budget leaves no time are skipped. stderr tells how each part ends.
    """
    end = time.monotonic() + budget_s
    for number, part in enumerate(parts, 1):
        left = end - time.monotonic()
        if left > 0:
            log = out / (re.sub(r"[^\w.]+", "_", part.name) + ".log")
            outcome = run_part(replace(part, limit_s=min(part.limit_s, left)), log)
        else:
            outcome = Outcome(part.name, "skipped", f"the parts before it took {budget_s:.0f} s")
        report.parts.append(outcome)
        write_report(report, out / "gpu.json")
        told = f"{outcome.status} in {outcome.seconds} s {outcome.reason}".rstrip()
        print(f"{number} of {len(parts)}: {part.name}: {told}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("gpu-check", __doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="folder for gpu.json and logs")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        card, machine = find_card(), this_machine()
        options.out.mkdir(parents=True, exist_ok=True)
        versions = machine.versions | installed_versions(_PACKAGES)
        report = Report(datetime.date.today().isoformat(), machine, card, versions)
        run_parts(plan(), report, options.out, _BUDGET_S)
    print(format_report(report))
    if any(part.status == "failed" for part in report.parts):
        parser.exit(2)


if __name__ == "__main__":
    main()

"""Time model files on backends, interleaved in one run so that the machine's moods hit all alike.

mtvif_benchmark models/mtvif.onnx --backend openvino --backend onnxruntime
mtvif_benchmark models/mtvif_int8.onnx --foreign peer.onnx --backend openvino --plot times.png
mtvif_benchmark models/mtvif_int8.onnx --backend openvino --streams 1 2 4 --threads 1
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtvif_ros.benchmark.footprint import measure_footprint
from mtvif_ros.benchmark.subjects import Subject, foreign_subject, own_subject
from mtvif_ros.benchmark.timing import time_interleaved, time_streams
from mtvif_ros.command_line import command_parser, whole_number
from mtvif_ros.engines import BACKENDS, EngineError
from mtvif_ros.engines.load import choose_backend


def benchmark(subjects: Sequence[Subject], runs: int) -> list[dict[str, Any]]:
    """Return for each subject its latency in ms (p50, p90, p99) and runs a second."""
    seconds = time_interleaved([subject.run for subject in subjects], runs)
    return [_result(subject, taken, len(taken) / sum(taken)) for subject, taken in zip(subjects, seconds)]


def benchmark_streams(model: Path, backend: str, counts: Sequence[int], runs: int, threads: int) -> list[Any]:
    """Return the same for 1, 2, … streams at once, each with an engine and a thread of its own."""
    results = []
    for count in counts:
        subjects = [own_subject(model, backend, threads) for _ in range(count)]
        taken, rate = time_streams([subject.run for subject in subjects], runs)
        results.append(_result(subjects[0], taken, rate) | {"streams": count})
    return results


def _result(subject: Subject, taken: Sequence[float], rate: float) -> dict[str, Any]:
    p50, p90, p99 = (float(v) for v in np.percentile(np.array(taken) * 1e3, (50, 90, 99)))
    return {
        "model": subject.model,
        "size": subject.size,
        "engine": subject.engine,
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "pairs_per_s": rate,
    }


def describe_machine() -> str:
    """Return the processor, the cores this process may use, and the Python version."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


_EXTRA = {"start_up_s": "start-up s", "resident_mb": "memory MB", "streams": "streams"}


def format_results(machine: str, results: Sequence[dict[str, Any]]) -> str:
    """Return the results as a markdown table; times relative to the first row."""
    extra = [key for key in _EXTRA if any(key in result for result in results)]
    head = ["model", "size", "engine", "p50 ms", "p90 ms", "p99 ms", "pairs/s", "× first"]
    head += [_EXTRA[key] for key in extra]
    lines = [machine, "", "| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for r in results:
        ratio = r["p50_ms"] / results[0]["p50_ms"]
        cells = [r["model"], r["size"], r["engine"]]
        # Four digits, not two decimals: a small network takes microseconds.
        cells += [f"{r[key]:.4g}" for key in ("p50_ms", "p90_ms", "p99_ms")]
        cells += [f"{r['pairs_per_s']:.1f}", f"{ratio:.3g}", *(r.get(key, "-") for key in extra)]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def plot(machine: str, results: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the median and the 99th percentile of every row as bars.

    Raises ModuleNotFoundError saying what to install where matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("--plot needs matplotlib: pip install matplotlib") from error
    names = [f"{r['model']}\n{r['size']}\n{r['engine']}" for r in results]
    at = np.arange(len(results))
    figure = Figure(figsize=(9, 1.2 + 0.8 * len(results)), layout="constrained")
    axes = figure.subplots()
    for key, shift, colour in (("p50_ms", -0.2, "#2a6f97"), ("p99_ms", 0.2, "#a9d6e5")):
        bars = axes.barh(at + shift, [r[key] for r in results], 0.38, color=colour, label=key[:3])
        axes.bar_label(bars, fmt=" %.3g", fontsize=8)
    axes.set_yticks(at, names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("ms a pair")
    axes.set_title(machine, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def usable_backends() -> list[str]:
    """Return the names of the backends that can run here."""
    usable = []
    for name in BACKENDS:
        try:
            usable.append(choose_backend(name))
        except EngineError:
            continue
    return usable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 with a message when a model or backend cannot be used."""
    parser = command_parser("mtvif_benchmark", __doc__)
    parser.add_argument("models", type=Path, nargs="*", help="model files of this package")
    parser.add_argument("--foreign", type=Path, action="append", default=[], help="any other ONNX file")
    parser.add_argument("--backend", action="append", choices=list(BACKENDS), help="default: all usable")
    parser.add_argument("--threads", type=whole_number(0), default=0, help="0 for the backend's choice")
    parser.add_argument("--runs", type=whole_number(1), default=200, help="of each engine")
    parser.add_argument(
        "--streams", type=whole_number(1), nargs="+", help="time so many streams at once instead"
    )
    parser.add_argument("--footprint", action="store_true", help="measure start-up and memory too")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    parser.add_argument("--plot", type=Path, help="draw them here")
    options = parser.parse_args(arguments)
    try:
        results = _measure(options)
        machine = describe_machine()
        print(format_results(machine, results))
        if options.plot:
            plot(machine, results, options.plot)
    except (OSError, ValueError, RuntimeError, ModuleNotFoundError) as error:
        print(f"mtvif_benchmark: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")
    return 0


def _measure(options: Any) -> list[dict[str, Any]]:
    if not options.models and not options.foreign:
        raise ValueError("name a model file, or another ONNX file with --foreign")
    backends = options.backend or usable_backends()
    if options.streams:
        return [
            result
            for model in options.models
            for backend in backends
            for result in benchmark_streams(model, backend, options.streams, options.runs, options.threads)
        ]
    own = [(model, backend) for model in options.models for backend in backends]
    subjects = [own_subject(model, backend, options.threads) for model, backend in own]
    subjects += [
        foreign_subject(path, backend, options.threads) for path in options.foreign for backend in backends
    ]
    results = benchmark(subjects, options.runs)
    if options.footprint:
        for result, (model, backend) in zip(results, own):
            start_up_s, resident_mb = measure_footprint(model, backend, options.threads)
            result |= {"start_up_s": round(start_up_s, 2), "resident_mb": round(resident_mb)}
    return results


if __name__ == "__main__":
    sys.exit(main())

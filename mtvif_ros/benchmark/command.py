"""Time model files on backends, interleaved, so that changes of the machine's speed affect all alike.

mtvif_benchmark models/mtvif.onnx --backend openvino --backend onnxruntime
mtvif_benchmark models/mtvif_int8.onnx --foreign peer.onnx --backend openvino
mtvif_benchmark models/mtvif_int8.onnx --backend openvino --streams 1 2 4 --threads 1
mtvif_benchmark open.onnx --size 384x512 480x640     a file of open size
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mtvif_ros.benchmark.footprint import measure_footprint
from mtvif_ros.benchmark.subjects import FOREIGN, Subject, foreign_subject, own_subject
from mtvif_ros.benchmark.timing import time_interleaved, time_streams
from mtvif_ros.command_line import command_parser, frame_size, told_plainly, whole_number, writable_file
from mtvif_ros.engines import BACKENDS, EngineError
from mtvif_ros.engines.load import choose_backend
from mtvif_ros.machine import this_machine


def benchmark(subjects: Sequence[Subject], runs: int) -> list[dict[str, Any]]:
    """Return each subject's latency in ms (p50, p90, p99) and runs per second."""
    seconds = time_interleaved([subject.run for subject in subjects], runs)
    return [_result(subject, taken, len(taken) / sum(taken)) for subject, taken in zip(subjects, seconds)]


def benchmark_streams(
    subject: Callable[[], Subject], counts: Sequence[int], runs: int
) -> list[dict[str, Any]]:
    """Return the same for several concurrent streams, each with its own engine and thread."""
    results = []
    for count in counts:
        subjects = [subject() for _ in range(count)]
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


_EXTRA = {"start_up_s": "start-up s", "resident_mb": "memory MB", "streams": "streams"}


def format_results(machine: str, results: Sequence[dict[str, Any]]) -> str:
    """Return the results as a markdown table, with each median relative to the first row's."""
    extra = [key for key in _EXTRA if any(key in result for result in results)]
    head = ["model", "size", "engine", "p50 ms", "p90 ms", "p99 ms", "pairs/s", "× first"]
    head += [_EXTRA[key] for key in extra]
    lines = [machine, "", "| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for r in results:
        ratio = r["p50_ms"] / results[0]["p50_ms"]
        cells = [r["model"], r["size"], r["engine"]]
        # Significant digits, because a small network takes microseconds.
        cells += [f"{r[key]:.4g}" for key in ("p50_ms", "p90_ms", "p99_ms")]
        cells += [f"{r['pairs_per_s']:.1f}", f"{ratio:.3g}", *(r.get(key, "-") for key in extra)]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def usable_backends() -> list[str]:
    """Return the names of the backends that can run on this machine."""
    usable = []
    for name in BACKENDS:
        try:
            usable.append(choose_backend(name))
        except EngineError:
            continue
    return usable


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("mtvif_benchmark", __doc__)
    parser.add_argument("models", type=Path, nargs="*", help="model files of this package")
    parser.add_argument("--foreign", type=Path, action="append", default=[], help="any other ONNX file")
    parser.add_argument(
        "--backend", action="append", choices=list(BACKENDS), help="default: all that can run"
    )
    parser.add_argument(
        "--threads", type=whole_number(0), default=0, help="CPU threads; 0: the backend's choice"
    )
    parser.add_argument(
        "--size",
        type=frame_size,
        nargs="+",
        help="HEIGHTxWIDTH, several for files of open size; default: the file's own, or 480x640",
    )
    parser.add_argument("--runs", type=whole_number(1), default=200, help="runs of each engine; default 200")
    parser.add_argument(
        "--streams", type=whole_number(1), nargs="+", help="time so many concurrent streams instead"
    )
    parser.add_argument("--footprint", action="store_true", help="also measure start-up time and memory")
    parser.add_argument("--json", type=writable_file, help="also write the results to this file")
    options = parser.parse_args(arguments)
    for name in ("foreign", "footprint"):
        if options.streams and getattr(options, name):
            parser.error(f"--{name} does not apply to --streams, which time this package's model files only")
    with told_plainly(parser):
        results = _measure(options)
        machine = this_machine().line()
        print(format_results(machine, results))
        if options.json:
            options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")


def _measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    if not options.models and not options.foreign:
        raise ValueError("name a model file, or give another ONNX file with --foreign")
    backends = options.backend or usable_backends()
    own = [
        (model, backend, options.threads, size)
        for model in options.models
        for backend in backends
        for size in options.size or [None]
    ]
    if options.streams:
        return [
            result
            for one in own
            for result in benchmark_streams(partial(own_subject, *one), options.streams, options.runs)
        ]
    subjects = [own_subject(*one) for one in own]
    subjects += [
        foreign_subject(path, backend, options.threads)
        for path in options.foreign
        for backend in backends
        if options.backend or backend in FOREIGN
    ]
    results = benchmark(subjects, options.runs)
    if options.footprint:
        for result, one in zip(results, own):
            start_up_s, resident_mb = measure_footprint(*one)
            result |= {"start_up_s": round(start_up_s, 2), "resident_mb": round(resident_mb)}
    return results


if __name__ == "__main__":
    main()

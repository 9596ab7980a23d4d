"""Time model files on backends, interleaved in one run so that the machine's moods hit all alike.

mtvif_benchmark models/mtvif.onnx --backend openvino --backend onnxruntime
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mtvif_ros.command_line import command_parser
from mtvif_ros.engines import BACKENDS, Engine, load_engine
from mtvif_ros.synthetic import RoadScene, SceneConfig

_BURST = 5  # runs of one engine before the next one's turn
_WARM_UP = 10
# s; the threads of the engine before go on spinning for a while (onnxruntime's do) and would be timed too.
_SETTLE = 0.05


def benchmark(engines: Sequence[Engine], runs: int) -> list[dict[str, Any]]:
    """Return for each engine its latency in ms (p50, p90, p99) and pairs a second, on a rendered pair.

    Every engine runs `runs` times after a warm-up, in bursts that take turns; the first run of a burst
    does not count.
    """
    frames = []
    for engine in engines:
        size = SceneConfig(seed=3, time="dusk", width=engine.model.width, height=engine.model.height)
        frame = RoadScene(size).frame(0)
        frames.append((frame.rgb, frame.ir))
        for _ in range(_WARM_UP):
            engine.infer(*frames[-1])
    seconds: list[list[float]] = [[] for _ in engines]
    for _ in tqdm(range(-(-runs // _BURST)), desc="benchmark", unit="burst"):
        for engine, pair, taken in zip(engines, frames, seconds):
            time.sleep(_SETTLE)
            engine.infer(*pair)
            for _ in range(_BURST):
                start = time.perf_counter()
                engine.infer(*pair)
                taken.append(time.perf_counter() - start)
    results = []
    for engine, taken in zip(engines, seconds):
        p50, p90, p99 = (float(v) for v in np.percentile(np.array(taken) * 1e3, (50, 90, 99)))
        results.append(
            {
                "model": engine.model.path.name,
                "size": f"{engine.model.height}x{engine.model.width}",
                "engine": engine.description,
                "p50_ms": round(p50, 2),
                "p90_ms": round(p90, 2),
                "p99_ms": round(p99, 2),
                "pairs_per_s": round(len(taken) / sum(taken), 1),
            }
        )
    return results


def describe_machine() -> str:
    """Return the processor, the cores this process may use, and the Python version."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def format_results(machine: str, results: Sequence[dict[str, Any]]) -> str:
    """Return the results as a markdown table; times relative to the first row."""
    lines = [machine, "", "| model | size | engine | p50 ms | p90 ms | p99 ms | pairs/s | × first |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for r in results:
        ratio = r["p50_ms"] / results[0]["p50_ms"]
        cells = [r["model"], r["size"], r["engine"], r["p50_ms"], r["p90_ms"], r["p99_ms"]]
        lines.append("| " + " | ".join(str(c) for c in (*cells, r["pairs_per_s"], f"{ratio:.2f}")) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 with a message when a model or backend cannot be used."""
    parser = command_parser("mtvif_benchmark", __doc__)
    parser.add_argument("models", type=Path, nargs="+", help="model files")
    parser.add_argument("--backend", action="append", choices=list(BACKENDS), help="default: all")
    parser.add_argument("--threads", type=int, default=0, help="0 for the backend's choice")
    parser.add_argument("--runs", type=int, default=200, help="of each engine")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    options = parser.parse_args(arguments)
    try:
        engines = [
            load_engine(model, backend, options.threads)
            for model in options.models
            for backend in options.backend or BACKENDS
        ]
    except (OSError, ValueError, RuntimeError) as error:
        print(f"mtvif_benchmark: {error}", file=sys.stderr)
        return 1
    results = benchmark(engines, options.runs)
    machine = describe_machine()
    print(format_results(machine, results))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

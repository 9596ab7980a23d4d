"""Measure what an engine costs in a process of its own: start-up time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from mtvif_ros.engines import EngineError
from mtvif_ros.size import Size, shown

_SCRIPT = """
import json, sys
import numpy as np
from mtvif_ros.engines import load_engine
from mtvif_ros.size import read_size
size = read_size(sys.argv[4]) if sys.argv[4:] else None
engine = load_engine(sys.argv[1], sys.argv[2], int(sys.argv[3]), size=size)
engine.infer(np.zeros((*engine.size, 3), np.uint8), np.zeros(engine.size, np.uint8))
with open("/proc/self/status") as status:
    memory = [line.split()[1] for line in status if line.startswith("VmRSS")]
print(json.dumps({"resident_kib": int(memory[0])}))
"""


class Footprint(NamedTuple):
    """Hold the seconds from the start of Python to the first result and the resident memory in MB then."""

    start_up_s: float
    resident_mb: float


def measure_footprint(model: Path, backend: str, threads: int = 0, size: Size | None = None) -> Footprint:
    """Start a process with one engine twice and return the second result, with warm caches.

    Raises EngineError with the last line of the process's errors if it fails.
    """
    measured = [_once(model, backend, threads, size) for _ in range(2)]
    return measured[-1]


def _once(model: Path, backend: str, threads: int, size: Size | None) -> Footprint:
    start = time.perf_counter()
    command = [sys.executable, "-c", _SCRIPT, str(model), backend, str(threads)]
    command += [shown(size)] if size else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        result = process.stdout.readline()
        taken = time.perf_counter() - start
        errors = process.stderr.read()
    if process.returncode != 0:
        raise EngineError(f"{model} with {backend}: {errors.strip().splitlines()[-1]}")
    return Footprint(taken, json.loads(result)["resident_kib"] * 1024 / 1e6)

"""Measure what one engine costs a process of its own: time until the first answer, and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

_SCRIPT = """
import json, sys
import numpy as np
from mtvif_ros.engines import load_engine
engine = load_engine(sys.argv[1], sys.argv[2], int(sys.argv[3]))
size = (engine.model.height, engine.model.width)
engine.infer(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8))
with open("/proc/self/status") as status:
    memory = [line.split()[1] for line in status if line.startswith("VmRSS")]
print(json.dumps({"resident_kb": int(memory[0])}))
"""


class Footprint(NamedTuple):
    """Hold seconds from starting Python to the first answer, and resident memory in MB after it."""

    start_up_s: float
    resident_mb: float


def measure_footprint(model: Path, backend: str, threads: int = 0) -> Footprint:
    """Start a process with one engine twice and report the second, whose caches are warm.

    Raises RuntimeError with the process's last words when it fails.
    """
    measured = [_once(model, backend, threads) for _ in range(2)]
    return measured[-1]


def _once(model: Path, backend: str, threads: int) -> Footprint:
    start = time.perf_counter()
    command = [sys.executable, "-c", _SCRIPT, str(model), backend, str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        answer = process.stdout.readline()
        taken = time.perf_counter() - start
        errors = process.stderr.read()
    if process.returncode != 0:
        raise RuntimeError(f"{model} with {backend}: {errors.strip().splitlines()[-1]}")
    return Footprint(taken, json.loads(answer)["resident_kb"] / 1000)

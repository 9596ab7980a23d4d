"""OpenVINO's engine, and what it leaves behind in its process."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino")


def test_signals_still_reach_a_process_whose_engines_are_gone(toy_model: Path) -> None:
    """A crash would end the process by SIGSEGV."""
    code = f"""
import faulthandler, gc, os, signal
from pathlib import Path
from mtvif_ros.engines.openvino import load
from mtvif_ros.model_file import read_model_file
faulthandler.enable()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
model = read_model_file(Path({str(toy_model)!r}))
first, second = load(model, (60, 80), 1), load(model, (60, 80), 1)
del first
del second
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr

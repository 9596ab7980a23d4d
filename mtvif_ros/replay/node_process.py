"""Run fusion_node in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mtvif_ros.node.dds import dds_environment


class NodeProcessError(RuntimeError):
    """Say why the node is not running, with the end of its log."""


class NodeProcess:
    """Start the node with parameters, its output going to `log`; a context manager that stops it."""

    def __init__(self, parameters: Mapping[str, object], log: Path, namespace: str = "/"):
        command = [
            sys.executable,
            "-m",
            "mtvif_ros.node.fusion_node",
            "--ros-args",
            "-r",
            f"__ns:={namespace}",
        ]
        for name, value in parameters.items():
            command += ["-p", f"{name}:={value}"]
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **dds_environment()},
            )

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_until(self, ready: Callable[[], bool], timeout: float = 60.0) -> None:
        """Wait until `ready` returns true.

        Raises NodeProcessError when the node ends before that or the time is over.
        """
        end = time.monotonic() + timeout
        while not ready():
            code = self._process.poll()
            if code is not None:
                raise NodeProcessError(f"fusion_node ended with code {code}: {self._tail()}")
            if time.monotonic() > end:
                raise NodeProcessError(f"fusion_node not ready in {timeout} s: {self._tail()}")
            time.sleep(0.05)

    def signal(self, number: int) -> None:
        """Send the node a signal."""
        self._process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Wait for the node's end and return its exit code. Raises TimeoutExpired."""
        return self._process.wait(timeout)

    def stop(self) -> str:
        """Interrupt the node, kill it when that is not enough in 5 s, and return its log's end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._tail()

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "it printed nothing"

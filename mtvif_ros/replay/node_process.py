"""Run fusion_node in a process of its own, or find one that runs already."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mtvif_ros.command_line import UserError
from mtvif_ros.node.dds import dds_environment

_FOUND_WITHIN = 30.0  # s, for an external node


class NodeProcessError(UserError):
    """Say why the node does not run, with the end of its log."""


class NodeProcess:
    """Start the node with parameters and write its output to `log`; a context manager that stops it."""

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

        Raises NodeProcessError when the node ends first or the time is up.
        """
        end = time.monotonic() + timeout
        while not ready():
            if problem := self.death():
                raise NodeProcessError(problem)
            if time.monotonic() > end:
                raise NodeProcessError(f"fusion_node was not ready within {timeout} s: {self._tail()}")
            time.sleep(0.05)

    def death(self) -> str:
        """Return with which code the node ended and its last words; an empty text while it runs."""
        code = self._process.poll()
        return "" if code is None else f"fusion_node ended with code {code}: {self._tail()}"

    def signal(self, number: int) -> None:
        """Send the node a signal."""
        self._process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Wait for the node to end and return its exit code. Raises TimeoutExpired."""
        return self._process.wait(timeout)

    def stop(self) -> str:
        """Interrupt the node, kill it if it still runs 5 s later, and return the end of its log."""
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


def await_external(is_connected: Callable[[], bool], inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Wait until a node that somebody else runs is connected. Raises NodeProcessError after 30 s."""
    end = time.monotonic() + _FOUND_WITHIN
    while not is_connected():
        if time.monotonic() > end:
            raise NodeProcessError(
                f"--node external: no active node subscribes to {' and '.join(inputs)} and publishes "
                f"{' and '.join(outputs)}; does it run with the ROS_DOMAIN_ID of this shell?"
            )
        time.sleep(0.05)

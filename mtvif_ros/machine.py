"""Describe the machine that numbers were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("openvino", "onnxruntime", "tensorrt", "numpy")


@dataclass(frozen=True)
class Machine:
    """Hold what a measured number depends on.

    cores: those that this process may use. versions: of the packages that compute, by name, as far as they
    are installed.
    """

    processor: str
    cores: int
    system: str
    python: str
    versions: dict[str, str]

    def line(self) -> str:
        """Return the machine in a few words, such as `AMD EPYC 7B13, 2 cores, Python 3.11.7`."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{self.processor}, {cores}, Python {self.python}"


def this_machine() -> Machine:
    """Describe the machine that this process runs on."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        system=platform.platform(),
        python=platform.python_version(),
        versions=installed_versions(_PACKAGES),
    )


def _processor() -> str:
    """Return the processor's name; Python knows only its architecture on Linux."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed, by name."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

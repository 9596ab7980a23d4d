"""Describe the machine that numbers were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Those that decide how fast an engine computes: processors of one name, such as AMD EPYC, differ in them.
_INSTRUCTIONS = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "sve")
_PACKAGES = ("openvino", "onnxruntime", "tensorrt", "numpy")


@dataclass(frozen=True)
class Machine:
    """Hold what a measured number depends on.

    cores: those that this process may use. versions: of the packages that compute, by name, as far as they
    are installed. instructions: the processor's, for vectors, as Linux names them.
    """

    processor: str
    cores: int
    system: str
    python: str
    versions: dict[str, str]
    instructions: str = ""

    def line(self) -> str:
        """Return the machine in a few words, such as `AMD EPYC 7B13 (avx2), 2 cores, Python 3.11.7`."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        instructions = f" ({self.instructions})" if self.instructions else ""
        return f"{self.processor}{instructions}, {cores}, Python {self.python}"


def this_machine() -> Machine:
    """Describe the machine that this process runs on."""
    return Machine(
        processor=_about_processor("model name") or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        system=platform.platform(),
        python=platform.python_version(),
        versions=installed_versions(_PACKAGES),
        instructions=vector_instructions(),
    )


def vector_instructions() -> str:
    """Return the names of the processor's vector instructions, empty where Linux does not tell."""
    flags = (_about_processor("flags") or _about_processor("Features")).split()
    return " ".join(name for name in _INSTRUCTIONS if name in flags)


def _about_processor(key: str) -> str:
    """Return what Linux tells under a key, empty where it does not; Python knows the architecture only."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return ""


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed, by name."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

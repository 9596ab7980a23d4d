"""Find the NVIDIA GPU of this machine through its driver's own tool."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

from mtvif_ros.command_line import UserError

_QUERY = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits")
_PATIENCE_S = 30


class NoCardError(UserError):
    """Say why no NVIDIA GPU can be used here and what is missing."""


class Card(NamedTuple):
    """Hold a GPU's name, its driver's version and its memory in MiB."""

    name: str
    driver: str
    memory_mib: int


def find_card() -> Card:
    """Return the first GPU. Raises NoCardError if there is none or its driver does not answer."""
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_PATIENCE_S)
    except FileNotFoundError as error:
        raise NoCardError(
            "no NVIDIA GPU: nvidia-smi is missing; run this on a machine with a GPU and its driver"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NoCardError(f"nvidia-smi does not answer within {_PATIENCE_S} s; check the driver") from error
    if done.returncode != 0 or not done.stdout.strip():
        told = " ".join((done.stdout + done.stderr).split())
        raise NoCardError(f"no NVIDIA GPU: nvidia-smi says: {told or 'nothing'}; check the driver")
    name, driver, memory = (cell.strip() for cell in done.stdout.splitlines()[0].split(","))
    return Card(name, driver, int(memory))

"""Let trained networks teach another one by their answers to the same crops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from training.model import Network
from training.model.checkpoint import load_network
from training.model.decoders import spread_cells


def load_teachers(runs: Sequence[Path], device: torch.device) -> list[Network]:
    """Return the networks of `runs`.

    Raises FileNotFoundError for a run that does not exist and ValueError for a network without segmentation.
    """
    teachers = []
    for run in runs:
        teacher = load_network(run)
        if teacher.decoder.segmentation_pyramid is None:
            raise ValueError(f"train.teachers: {run} has no segmentation to teach")
        teachers.append(teacher.to(device, memory_format=torch.channels_last))  # type: ignore[call-overload]
    return teachers


@torch.no_grad()
def taught_probabilities(teachers: Sequence[Network], rgb: Tensor, ir: Tensor) -> Tensor:
    """Return the teachers' mean class probabilities (N, C, H, W) of a network's input frames."""
    each = [spread_cells(teacher(rgb, ir)[1]).float().softmax(1) for teacher in teachers]
    return torch.stack(each).mean(0)

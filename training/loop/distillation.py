"""Let trained networks teach one that learns, by what they say of the very crops that it sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.model import Network
from training.model.checkpoint import load_network
from training.model.decoders import spread_cells


def load_teachers(config: dict[str, Any], device: torch.device) -> list[Network]:
    """Return the networks of the runs that `train.teachers` names, none where it names none.

    Raises FileNotFoundError for a run that is not there, and ValueError for a network without segmentation
    and where only one of `train.teachers` and `loss.distillation` is given.
    """
    runs = [Path(run) for run in config["train"].get("teachers", [])]
    if bool(runs) != bool(config["loss"].get("distillation", 0)):
        raise ValueError("train.teachers and loss.distillation need each other; give both or none")
    teachers = []
    for run in runs:
        teacher = load_network(run)
        if teacher.decoder.segmentation_pyramid is None:
            raise ValueError(f"train.teachers: {run} has no segmentation to teach")
        teachers.append(teacher.to(device, memory_format=torch.channels_last))  # type: ignore[call-overload]
    return teachers


@torch.no_grad()
def taught_probabilities(teachers: Sequence[Network], rgb: Tensor, ir: Tensor) -> Tensor:
    """Return the teachers' mean probabilities (N, C, H, W) of frames as a network takes them."""
    each = [spread_cells(teacher(rgb, ir)[1]).float().softmax(1) for teacher in teachers]
    return torch.stack(each).mean(0)

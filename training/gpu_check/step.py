"""Measure a training step of a config."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from training.config import read_stages
from training.gpu_check.process import Note, Skipped
from training.loop.time_step import time_steps
from training.model.precision import has_fast_bfloat16


def measure(note: Note, device: str, config: Path, steps: int, bf16: bool, graphs: bool) -> None:
    """Note the median duration in ms of a step, see time_steps, and the batch and crop it is for.

    Of a recipe the last stage counts.
    """
    on = torch.device(device)
    if bf16 and not has_fast_bfloat16(on):
        raise Skipped(f"{device} has no instructions for bfloat16")
    *_, settings = read_stages(config).values()
    this_way = replace(settings, train=replace(settings.train, bf16=bf16, graphs=graphs))
    note({"batch": settings.train.batch, "crop": list(settings.train.crop)})
    note({"step_ms": round(time_steps(this_way, on, steps), 2)})

"""Time a training step on random frames.

    python -m training.loop.time_step --config training/configs/mtvif.yaml

A row for each way to take it: in float32 and, where the device has it, bfloat16; on a GPU with CUDA graphs
too. Weights are random ones, those of the teachers too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mtvif_ros.classes import CLASSES
from mtvif_ros.command_line import command_parser, told_plainly, whole_number
from training.config import read_config
from training.loop.step import Step, start_training
from training.model import build_model
from training.model.freeze import freeze
from training.model.precision import has_fast_bfloat16

_FIRST = 3


def time_steps(config: dict[str, Any], device: torch.device, steps: int) -> float:
    """Return the median ms of `steps` steps as `config` says, after three that do not count."""
    settings = config["train"]
    untrained = {**config["model"], "pretrained": False}
    state = start_training({**config, "model": untrained}, device)
    freeze(state.network, settings)
    teachers = [build_model(untrained).eval() for _ in settings.get("teachers", [])]
    for teacher in teachers:
        teacher.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    take_step = Step(config, state, teachers, shared=False)
    size = (settings["batch"], *settings["crop"])
    rgb, ir = (torch.rand(size[0], channels, *size[1:], device=device) for channels in (3, 1))
    allowed = (1 << torch.randint(len(CLASSES), size, device=device)).int()
    times = []
    for _ in range(_FIRST + steps):
        begin = time.perf_counter()
        terms = take_step(rgb, ir, allowed)
        torch.stack(list(terms.values())).tolist()  # as training.train does, which waits for a GPU
        times.append(time.perf_counter() - begin)
    return statistics.median(times[_FIRST:]) * 1e3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.loop.time_step", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="a file of training/configs")
    parser.add_argument("--steps", type=whole_number(1), default=20, help="that count, default 20")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with told_plainly(parser):
        config = read_config(options.config)
    config.pop("initial", None)
    height, width = config["train"]["crop"]
    print(f"{config['train']['batch']} of {height}x{width} on {device.type}, ms a step")
    for bf16 in (False, True) if has_fast_bfloat16(device) else (False,):
        for graphs in (False, True) if device.type == "cuda" else (False,):
            config["train"] |= {"bf16": bf16, "graphs": graphs}
            name = ("bfloat16" if bf16 else "float32") + (", graphs" if graphs else "")
            print(f"{name:18} {time_steps(config, device, options.steps):8.1f}", flush=True)


if __name__ == "__main__":
    main()

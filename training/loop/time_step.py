"""Time a training step on random frames.

    python -m training.loop.time_step --config training/configs/mtvif.yaml

Prints a row for each way to take a step: in float32 and, where the device has it, in bfloat16; on a GPU
also with CUDA graphs. All weights and answers of a teacher are random. Of a recipe the last stage counts.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mtvif_ros.command_line import command_parser, told_plainly, whole_number
from training.config import Config, read_stages
from training.loop.state import State, begin
from training.loop.step import Step
from training.losses.teacher import Taught
from training.model.learner import TAUGHT
from training.model.precision import has_fast_bfloat16

_WARM_UP = 3


def time_steps(config: Config, device: torch.device, steps: int) -> float:
    """Return the median duration in ms of `steps` steps, after three that do not count."""
    untrained = replace(config, model=config.model.without_weights(), initial=None)
    state = begin(untrained, device)
    take_step = Step(config, state, shared=False)
    size = (config.train.batch, *config.train.crop)
    rgb, ir = (torch.rand(size[0], channels, *size[1:], device=device) for channels in (3, 1))
    classes = len(state.network.classes)
    chosen = torch.randint(classes, (size[0], size[1] // 2, size[2] // 2), device=device)
    allowed = torch.nn.functional.one_hot(chosen, classes).permute(0, 3, 1, 2) > 0
    taught = _random_answers(size, classes).to(device) if config.train.teacher is not None else None
    times = []
    for _ in range(_WARM_UP + steps):
        start = time.perf_counter()
        terms = take_step(rgb, ir, allowed, taught)
        torch.stack(list(terms.values())).tolist()  # waits for a GPU, as training.train does
        times.append(time.perf_counter() - start)
    return statistics.median(times[_WARM_UP:]) * 1e3


def seconds_a_step(config: Config, state: State, batches: Iterable[Any], shared: bool) -> float:
    """Return the mean duration in s of loading `batches` and stepping on each, without the first three.

    A copy of `state` takes them, so that the training stays bit for bit what it is. `shared` as Step has it;
    what the processes tell each other is not measured.
    """
    device = next(state.network.parameters()).device
    alone = replace(config, train=replace(config.train, graphs=config.train.graphs and not shared))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        take_step = Step(alone, copy.deepcopy(state), shared=False)
        ends = []
        for batch in batches:
            torch.stack(list(take_step(*batch).values())).tolist()  # waits for a GPU
            ends.append(time.perf_counter())
    return (ends[-1] - ends[_WARM_UP - 1]) / (len(ends) - _WARM_UP)


def _random_answers(size: tuple[int, int, int], classes: int) -> Taught:
    batch, height, width = size
    features = tuple(
        torch.rand(batch, channels, height // stride, width // stride) for stride, channels in TAUGHT.items()
    )
    probabilities = torch.rand(batch, classes, height // 2, width // 2).softmax(1)
    return Taught(torch.rand(batch, 1, height, width), probabilities, features)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.loop.time_step", __doc__)
    parser.add_argument(
        "--config", type=Path, required=True, help="YAML file, such as those in training/configs"
    )
    parser.add_argument("--steps", type=whole_number(1), default=20, help="steps to time, default 20")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with told_plainly(parser):
        *_, config = read_stages(options.config).values()
        height, width = config.train.crop
        print(f"{config.train.batch} of {height}x{width} on {device.type}, ms a step")
        for bf16 in (False, True) if has_fast_bfloat16(device) else (False,):
            for graphs in (False, True) if device.type == "cuda" else (False,):
                this_way = replace(config, train=replace(config.train, bf16=bf16, graphs=graphs))
                name = ("bfloat16" if bf16 else "float32") + (", graphs" if graphs else "")
                print(f"{name:18} {time_steps(this_way, device, options.steps):8.1f}", flush=True)


if __name__ == "__main__":
    main()

"""Train fusion and segmentation jointly, in one stage.

    python -m training.train --config training/configs/finetune.yaml --data DATA --out RUN
    torchrun --nproc-per-node 4 -m training.train ...       the same on several GPUs or machines

Repeat the command to resume an interrupted training. RUN/index.html shows how it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from mtvif_ros.command_line import command_parser, need, told_plainly, whole_number
from training.config import Config, add_config_arguments, read_config
from training.data.batches import in_batches, training_samples
from training.data.canvases import make_canvases
from training.data.classes import names_of, with_own_classes
from training.data.pairs import require_usable
from training.data.selection import select_pairs
from training.history.best import has_ended_early
from training.history.journal import Journal
from training.loop.announce import announcement, pace
from training.loop.distributed import Process, joined_processes
from training.loop.state import begin
from training.loop.step import Step
from training.loop.time_step import seconds_a_step
from training.loop.validate import is_due
from training.model import Network
from training.model.checkpoint import CHECKPOINT

_TRIED = 8  # steps whose time is taken
_WORTH_TIMING = 100  # steps to go


def train(config: Config, data: Path, out: Path, canvases: Path | None = None) -> Network:
    """Train as `config` says, from the checkpoint in `out` if there is one; return the averaged network.

    `canvases` keeps what a teacher answers, by default in `out`. Raises ValueError before the first step for
    settings and files that cannot be used.
    """
    config = with_own_classes(config, data)
    with joined_processes() as process:
        return _train(config, data, out, canvases or out / "canvases", process)


def _train(config: Config, data: Path, out: Path, canvases: Path, process: Process) -> Network:
    need("jinja2", "matplotlib")  # for the page
    batch, steps, device = config.train.batch, config.train.steps, process.device
    if batch % process.count:
        raise ValueError(f"train.batch is {batch}, expected a multiple of the {process.count} processes")
    names = names_of(config)
    pairs = [files for selection in config.validate for files in select_pairs(selection, data, names)]
    state = begin(config, device, out / CHECKPOINT)
    process.require_one_step(state.step)
    ended = process.hear(process.leads and has_ended_early(config.train, out, state.step))
    numbers = [] if ended else [process.share_of(batch, step) for step in range(state.step, steps)]
    loaders = process.loaders if config.train.workers is None else config.train.workers
    if process.leads:
        if numbers:
            require_usable(pairs, names)
        print(announcement(config, state, pairs, data, out, ended), flush=True)
        if config.train.teacher is not None:
            make_canvases(config, data, canvases)
    process.wait_for_others()
    samples, pinned = training_samples(config, data, canvases), device.type == "cuda"
    if process.leads and len(numbers) >= _WORTH_TIMING:
        tried = in_batches(samples, numbers[:_TRIED], loaders, pinned)
        print(pace(seconds_a_step(config, state, tried, process.count > 1), len(numbers)), flush=True)
    batches = iter(in_batches(samples, numbers, loaders, pinned))
    state.draw_on()  # after the loaders, whose start draws a seed
    take_step = Step(config, state, shared=process.count > 1)
    with Journal(config, state, pairs, data, out) if process.leads else nullcontext() as journal:
        for batch in batches:
            terms = take_step(*batch)
            if journal is not None:
                journal.note(terms)
            may_end = config.train.patience > 0 and is_due(state.step, config.train)
            if may_end and process.hear(journal is not None and journal.ended_early):
                break
    return state.average


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.train", __doc__)
    add_config_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, curves and pictures")
    parser.add_argument("--seed", type=whole_number(0), help="replaces the config's, for runs side by side")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        config = read_config(options.config)
        if options.seed is not None:
            config = replace(config, seed=options.seed)
        train(config, options.data, options.out)


if __name__ == "__main__":
    main()

"""Train fusion and segmentation jointly, in one stage.

    python -m training.train --config training/configs/finetune.yaml --data DATA --out RUN
    torchrun --nproc-per-node 4 -m training.train ...       the same on several GPUs or machines

Repeat the command to resume an interrupted training.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from mtvif_ros.command_line import command_parser, told_plainly, whole_number
from training.config import Config, read_config
from training.data.batches import training_batches
from training.data.canvases import make_canvases
from training.data.classes import names_of
from training.data.selection import select_pairs
from training.loop.distributed import Process, joined_processes
from training.loop.journal import Journal
from training.loop.state import begin
from training.loop.step import Step
from training.model import Network
from training.model.checkpoint import CHECKPOINT


def train(config: Config, data: Path, out: Path, canvases: Path | None = None) -> Network:
    """Train as `config` says, from the checkpoint in `out` if there is one; return the averaged network.

    `canvases` keeps what a teacher answers, by default in `out`. Raises ValueError before the first step for
    settings and files that cannot be used.
    """
    with joined_processes() as process:
        return _train(config, data, out, canvases or out / "canvases", process)


def _train(config: Config, data: Path, out: Path, canvases: Path, process: Process) -> Network:
    batch, steps, device = config.train.batch, config.train.steps, process.device
    if batch % process.count:
        raise ValueError(f"train.batch is {batch}, expected a multiple of the {process.count} processes")
    names = names_of(config)
    pairs = [files for selection in config.validate for files in select_pairs(selection, data, names)]
    state = begin(config, device, out / CHECKPOINT)
    numbers = [process.share_of(batch, step) for step in range(state.step, steps)]
    loaders = process.loaders if config.train.workers is None else config.train.workers
    if config.train.teacher is not None and process.leads:
        make_canvases(config, data, canvases)
    process.wait_for_others()
    pinned = device.type == "cuda"
    batches = iter(training_batches(config, data, canvases, numbers, loaders, pinned))
    state.draw_on()  # after the loaders, whose start draws a seed
    take_step = Step(config, state, shared=process.count > 1)
    with Journal(config, state, pairs, out) if process.leads else nullcontext() as journal:
        for batch in batches:
            terms = take_step(*batch)
            if journal is not None:
                journal.note(terms)
    return state.average


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.train", __doc__)
    parser.add_argument(
        "--config", type=Path, required=True, help="YAML file, such as those in training/configs"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that the config's paths are relative to"
    )
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

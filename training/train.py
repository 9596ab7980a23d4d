"""Train fusion and segmentation jointly, in one stage.

    python -m training.train --config training/configs/mtvif.yaml --data DATA --out RUN
    torchrun --nproc-per-node 4 -m training.train ...       the same on several GPUs or machines

The same command again resumes where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader

from mtvif_ros.command_line import command_parser, told_plainly
from training.config import check_config, read_config
from training.data.mixture import Mixture, load_sources
from training.data.selection import select_pairs
from training.loop.distillation import load_teachers
from training.loop.distributed import Process, joined_processes
from training.loop.journal import Journal
from training.loop.step import Step, start_training
from training.loop.validate import validate
from training.model import Network
from training.model.checkpoint import CHECKPOINT
from training.model.freeze import freeze


def train(config: dict[str, Any], data: Path, out: Path) -> Network:
    """Train as `config` says, resume from `out` where it holds a checkpoint, return the EMA network.

    Raises ValueError, before any step, for settings and files that cannot be used.
    """
    with joined_processes() as process:
        return _train(config, data, out, process)


def _train(config: dict[str, Any], data: Path, out: Path, process: Process) -> Network:
    check_config(config)
    settings, device = config["train"], process.device
    batch, steps = settings["batch"], settings["steps"]
    if batch % process.count:
        raise ValueError(f"train.batch: {batch} cannot be shared by {process.count} processes")
    teachers = load_teachers(config, device)
    # Leave the cores to the network: OpenCV would start a thread for each in every loading process. It
    # must be told before they fork, or they wait for threads that no longer exist.
    cv2.setNumThreads(1)
    pairs = [files for entry in config["validate"] for files in select_pairs(entry, data)]
    mixture = Mixture(
        load_sources(settings["sources"], data),
        tuple(settings["crop"]),
        config["seed"],
        steps * batch,
        settings.get("paste", 0.0),
    )
    state = start_training(config, device)
    if (out / CHECKPOINT).exists():
        state.restore(out / CHECKPOINT)
    freeze(state.network, settings)
    batches = DataLoader(
        mixture,
        batch_sampler=[list(process.share_of(batch, step)) for step in range(state.step, steps)],
        num_workers=settings.get("workers", process.loaders),
        pin_memory=device.type == "cuda",
    )
    take_step = Step(config, state, teachers, shared=process.count > 1)
    with Journal(out, state.step, steps, process.leads) as journal:
        for frames in batches:
            rgb, ir, allowed = (one.to(device, non_blocking=True) for one in frames)
            terms = take_step(rgb, ir, allowed)
            last = state.step == steps
            journal.losses(state.step, dict(zip(terms, torch.stack(list(terms.values())).tolist())))
            if process.leads and (state.step % settings["checkpoint_every"] == 0 or last):
                state.save(out / CHECKPOINT, config)
            if pairs and process.leads and (state.step % settings["validate_every"] == 0 or last):
                journal.scores(state.step, *validate(state.average, pairs))
    if process.leads and not steps:
        state.save(out / CHECKPOINT, config)  # what the network starts from, for training.history.prune
    return state.average


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.train", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="a file of training/configs")
    parser.add_argument("--data", type=Path, required=True, help="folder that the config's paths start at")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and pictures")
    parser.add_argument("--seed", type=int, help="another than the config's, for trainings side by side")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        config = read_config(options.config)
        if options.seed is not None:
            config["seed"] = options.seed
        train(config, options.data, options.out)


if __name__ == "__main__":
    main()

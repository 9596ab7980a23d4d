"""Train fusion and segmentation jointly, in one stage.

    python -m training.train --config training/configs/mtvif.yaml --data DATA --out RUN
    torchrun --nproc-per-node 4 -m training.train ...       the same on several GPUs or machines

The same command again resumes where the last one stopped.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
import yaml
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from mtvif_ros.command_line import command_parser
from training.average import follow
from training.checkpoint import CHECKPOINT, load_checkpoint, load_weights, save_checkpoint
from training.data.mixture import Mixture, load_sources
from training.data.selection import select_pairs
from training.distributed import Process, joined_processes
from training.journal import Journal
from training.losses import joint_loss
from training.model import Network, build_model
from training.validate import validate


def learning_rate(step: int, config: dict[str, Any]) -> float:
    """Return the rate at `step`: linear warm-up, then half a cosine down to one hundredth."""
    warmup, steps = config["warmup_steps"], config["steps"]
    if step < warmup:
        return float(config["learning_rate"]) * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return float(config["learning_rate"]) * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def train(config: dict[str, Any], data: Path, out: Path) -> Network:
    """Train as `config` says, resume from `out` where it holds a checkpoint, return the EMA network.

    Raises ValueError, before any step, for settings and files that cannot be used.
    """
    with joined_processes() as process:
        return _train(config, data, out, process)


def _train(config: dict[str, Any], data: Path, out: Path, process: Process) -> Network:
    settings = config["train"]
    batch, steps = settings["batch"], settings["steps"]
    if batch % process.count:
        raise ValueError(f"train.batch: {batch} cannot be shared by {process.count} processes")
    # Leave the cores to the network: OpenCV would start a thread for each in every loading process. It
    # must be told before they fork, or they wait for threads that no longer exist.
    cv2.setNumThreads(1)
    pairs = [files for entry in config["validate"] for files in select_pairs(entry, data)]
    mixture = Mixture(
        load_sources(settings["sources"], data), tuple(settings["crop"]), config["seed"], steps * batch
    )
    torch.manual_seed(config["seed"])
    network = build_model(config["model"])
    if "initial" in config:
        load_weights(network, Path(config["initial"]))
    network.to(process.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(
        _without_decay_on_vectors(network, settings["weight_decay"]), lr=settings["learning_rate"]
    )
    first = 0
    if (out / CHECKPOINT).exists():
        state = load_checkpoint(out / CHECKPOINT)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
        if process.leads:
            print(f"resuming {out / CHECKPOINT} at step {first}")
    _freeze(network, settings.get("frozen", []))

    batches = DataLoader(
        mixture,
        batch_sampler=[list(process.share_of(batch, step)) for step in range(first, steps)],
        num_workers=settings.get("workers", 1),
        pin_memory=process.device.type == "cuda",
    )
    model: nn.Module = DistributedDataParallel(network) if process.count > 1 else network
    autocast = torch.autocast(process.device.type, torch.bfloat16, enabled=settings.get("bf16", True))
    with Journal(out, first, steps, process.leads) as journal:
        for step, frames in enumerate(batches, first):
            rgb, ir, allowed = (one.to(process.device, non_blocking=True) for one in frames)
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, settings)
            with autocast:
                change, cells = model(
                    rgb.contiguous(memory_format=torch.channels_last),
                    ir.contiguous(memory_format=torch.channels_last),
                )
            terms = joint_loss(change, cells, rgb, ir, allowed, config["loss"])
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings["clip_gradients"])
            optimiser.step()
            follow(average, network, step, settings["ema_decay"])
            done = step + 1
            journal.losses(done, {name: term.item() for name, term in terms.items()})
            if process.leads and (done % settings["checkpoint_every"] == 0 or done == steps):
                state = {
                    "step": done,
                    "network": network.state_dict(),
                    "average": average.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "config": config,
                }
                save_checkpoint(out / CHECKPOINT, state)
            if process.leads and (done % settings["validate_every"] == 0 or done == steps):
                journal.scores(done, *validate(average, pairs))
    return average


def _freeze(network: nn.Module, names: list[str]) -> None:
    """Keep the modules of these names as they are, with the statistics of their batch norms."""
    for name in names:
        module = network.get_submodule(name)
        module.requires_grad_(False)
        module.eval()


def _without_decay_on_vectors(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.train", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="a file of training/configs")
    parser.add_argument("--data", type=Path, required=True, help="folder that the config's paths start at")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and pictures")
    options = parser.parse_args(arguments)
    try:
        train(yaml.safe_load(options.config.read_text()), options.data, options.out)
    except (FileNotFoundError, ValueError) as error:
        tqdm.write(f"training.train: {error}")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()

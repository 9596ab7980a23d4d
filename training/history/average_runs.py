"""Average the weights of several runs.

    python -m training.history.average_runs --runs RUN OTHER --data DATA --out MEAN

MEAN is then a run like any other, to export, to label with or to start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mtvif_ros.command_line import command_parser, told_plainly
from training.config import read_config
from training.data.mixture import sample_batches
from training.model import Network, build_model
from training.model.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from training.model.freeze import freeze

_BATCHES = 16


def average_runs(runs: Sequence[Path], data: Path, out: Path, frames: Path | None = None) -> None:
    """Write a run whose network is the mean of those of `runs` (Wortsman et al., 2022, model soups).

    It helps where one run started from another; networks that were trained apart have no useful mean. Batch
    norms get statistics of their own from the training frames below `data` of the config `frames`, by
    default of the first run's, unless its training kept them: without them the mean is worse than either.
    Raises FileNotFoundError for a run without a checkpoint and ValueError for runs of different networks.
    """
    states = [load_checkpoint(run / CHECKPOINT) for run in runs]
    config, first = states[0]["config"], states[0]["average"]
    for run, state in zip(runs, states):
        if {n: t.shape for n, t in state["average"].items()} != {n: t.shape for n, t in first.items()}:
            raise ValueError(f"{run}: its network differs from that of {runs[0]}; no mean of them exists")
    network = build_model({**config["model"], "pretrained": False})
    # In float64, because counts of batches are whole numbers beyond float32.
    network.load_state_dict(
        {name: torch.stack([state["average"][name].double() for state in states]).mean(0) for name in first}
    )
    _settle_batch_norms(network, read_config(frames) if frames else config, data)
    steps = sum(state["step"] for state in states)
    save_checkpoint(out / CHECKPOINT, {"average": network.state_dict(), "step": steps, "config": config})


@torch.no_grad()
def _settle_batch_norms(network: Network, config: dict[str, Any], data: Path) -> None:
    """Take new statistics, but where training kept them, too."""
    settings = config["train"]
    network.train()
    freeze(network, settings)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.training]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    for rgb, ir in sample_batches(config, data, _BATCHES):
        network(rgb, ir)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.history.average_runs", __doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of training.train")
    parser.add_argument("--data", type=Path, required=True, help="folder that the config's paths start at")
    parser.add_argument("--out", type=Path, required=True, help="folder for the mean")
    parser.add_argument("--config", type=Path, help="whose frames settle batch norms, if not the first run's")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        average_runs(options.runs, options.data, options.out, options.config)


if __name__ == "__main__":
    main()

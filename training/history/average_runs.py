"""Average the weights of several runs.

    python -m training.history.average_runs --runs RUN OTHER --data DATA --out MEAN

MEAN is then a run like any other, to export, to label with or to start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from mtvif_ros.command_line import command_parser, told_plainly
from training.config import Config, check, plain, read_config
from training.data.mixture import sample_batches
from training.model import Network, build_model
from training.model.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from training.model.freeze import freeze

_BATCHES = 16


def average_runs(runs: Sequence[Path], data: Path, out: Path, frames: Path | None = None) -> None:
    """Write a run whose network is the mean of those of `runs` (Wortsman et al., 2022, model soups).

    It helps when one run started from another; networks that were trained apart have no useful mean. Batch
    norms get new statistics, without which the mean is worse than either run, from the training frames of the
    config `frames` below `data`, by default of the first run's config. Statistics that the training kept
    stay. Raises FileNotFoundError for a run without a checkpoint and ValueError for runs of different
    networks.
    """
    states = [load_checkpoint(run / CHECKPOINT) for run in runs]
    config = check(Config, states[0]["config"], str(runs[0] / CHECKPOINT))
    first = states[0]["average"]
    for run, state in zip(runs, states):
        if {n: t.shape for n, t in state["average"].items()} != {n: t.shape for n, t in first.items()}:
            raise ValueError(f"{run}: its network differs from that of {runs[0]}, so they have no mean")
    network = build_model(replace(config.model, pretrained=False))
    # In float64, because counts of batches are whole numbers beyond float32.
    network.load_state_dict(
        {name: torch.stack([state["average"][name].double() for state in states]).mean(0) for name in first}
    )
    _settle_batch_norms(network, read_config(frames) if frames else config, data)
    steps = sum(state["step"] for state in states)
    save_checkpoint(
        out / CHECKPOINT, {"average": network.state_dict(), "step": steps, "config": plain(config)}
    )


@torch.no_grad()
def _settle_batch_norms(network: Network, config: Config, data: Path) -> None:
    """Take new statistics, except where the training kept them."""
    network.train()
    freeze(network, config.train)
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
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that the config's paths are relative to"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the mean")
    parser.add_argument(
        "--config", type=Path, help="take frames for batch norms from this config; default the first run's"
    )
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        average_runs(options.runs, options.data, options.out, options.config)


if __name__ == "__main__":
    main()

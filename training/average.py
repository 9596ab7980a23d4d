"""Average weights: along one training as it goes, or those of several runs.

    python -m training.average --runs RUN OTHER --out MEAN

MEAN is then a run like any other, to export, to label with or to start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from mtvif_ros.command_line import command_parser
from training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Move `average` towards `network` (Polyak and Juditsky, 1992).

    The decay grows with `step` up to `decay`, so that the first weights are soon forgotten.
    """
    now = min(decay, (1 + step) / (10 + step))
    theirs = network.state_dict()
    for name, mine in average.state_dict().items():
        if mine.is_floating_point():
            mine.lerp_(theirs[name], 1 - now)
        else:
            mine.copy_(theirs[name])


def average_runs(runs: Sequence[Path], out: Path) -> None:
    """Write a run whose network is the mean of those of `runs` (Wortsman et al., 2022, model soups).

    It helps where one run started from another; networks that were trained apart have no useful mean.
    Raises FileNotFoundError for a run without a checkpoint and ValueError for runs of different networks.
    """
    states = [load_checkpoint(run / CHECKPOINT) for run in runs]
    first = states[0]["average"]
    for run, state in zip(runs, states):
        if {n: t.shape for n, t in state["average"].items()} != {n: t.shape for n, t in first.items()}:
            raise ValueError(f"{run}: its network differs from that of {runs[0]}; no mean of them exists")
    # In float64, because counts of batches are whole numbers beyond float32.
    mean = {
        name: torch.stack([state["average"][name].double() for state in states]).mean(0).to(tensor.dtype)
        for name, tensor in first.items()
    }
    save_checkpoint(out / CHECKPOINT, {"average": mean, "config": states[0]["config"]})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.average", __doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of training.train")
    parser.add_argument("--out", type=Path, required=True, help="folder for the mean")
    options = parser.parse_args(arguments)
    try:
        average_runs(options.runs, options.out)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()

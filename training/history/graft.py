"""Give a trained network parts of another one, for a training that starts from both.

    python -m training.history.graft --run RUN --part decoder.fusion --donor OTHER --out GRAFT

GRAFT is a run like any other, to start a training from. Before that training it is of little use: the parts
read features that they did not learn with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from mtvif_ros.command_line import command_parser, told_plainly
from training.model.checkpoint import CHECKPOINT, load_checkpoint, load_network, save_checkpoint


def graft_run(run: Path, donor: Path, parts: Sequence[str], out: Path) -> None:
    """Write the averaged weights of `run` to `out`, with the modules `parts` from `donor`.

    A plain convolution may replace one with a batch norm (`model.normalise`), whose batch norm then passes
    its outputs on unchanged. Raises FileNotFoundError for a run that does not exist, and ValueError for a
    part that either run lacks or that differs in more than that.
    """
    state = load_checkpoint(run / CHECKPOINT)
    network, given = load_network(run), load_network(donor)
    for part in parts:
        try:
            _take(network.get_submodule(part), given.get_submodule(part))
        except (AttributeError, RuntimeError, ValueError) as error:
            raise ValueError(f"--part {part}: {donor} has no such part that fits {run}: {error}") from error
    save_checkpoint(
        out / CHECKPOINT,
        {"average": network.state_dict(), "step": state["step"], "config": state["config"]},
    )


@torch.no_grad()
def _take(mine: nn.Module, given: nn.Module) -> None:
    if isinstance(mine, nn.Sequential) and isinstance(given, nn.Conv2d):
        convolution, norm = mine
        assert isinstance(norm, nn.BatchNorm2d) and given.bias is not None
        convolution.load_state_dict({"weight": given.weight})
        norm.reset_running_stats()
        norm.weight.fill_((1 + norm.eps) ** 0.5)
        norm.bias.copy_(given.bias)
        return
    inner, theirs = dict(mine.named_children()), dict(given.named_children())
    if not inner or inner.keys() != theirs.keys():
        mine.load_state_dict(given.state_dict())
        return
    for name, child in inner.items():
        _take(child, theirs[name])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.history.graft", __doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder that training.train wrote")
    parser.add_argument("--part", required=True, nargs="+", help="modules, such as decoder.fusion")
    parser.add_argument("--donor", type=Path, required=True, help="the run that they come from")
    parser.add_argument("--out", type=Path, required=True, help="folder for the grafted run")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        graft_run(options.run, options.donor, options.part, options.out)


if __name__ == "__main__":
    main()

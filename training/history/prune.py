"""Make a trained network narrower where its channels say little that the others do not.

    python -m training.history.prune --run RUN --data DATA --out NARROW

Only channels that a single convolution takes are left out, and that convolution is refitted to those that
stay. NARROW is a run like any other, to export or, better, to start a training from: its widths, which are
printed, are the `hidden` of the config's `model`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mtvif_ros.command_line import command_parser, told_plainly
from training.config import read_config
from training.data.mixture import sample_batches
from training.model import MultiTaskVIF, Network, build_model
from training.model.checkpoint import CHECKPOINT, load_checkpoint, load_network, save_checkpoint
from training.model.cost import count_macs, count_parameters
from training.history.eliminate import Kept, eliminate
from training.model.encoders.base import Hidden

_BATCHES = 48
_PATCHES = 4096  # of a batch, which is plenty for one convolution
_MULTIPLE = 16  # what int8 kernels compute at once
_SIZE = (480, 640)


def prune_run(
    run: Path, data: Path, out: Path, most: float, frames: Path | None = None
) -> tuple[dict[str, int], dict[str, float]]:
    """Write a run whose network is that of `run`, narrower; return its widths and its losses by name.

    Every convolution behind such channels may lose the share `most` of its output's variance on training
    frames below `data` of the config `frames`, by default of the run's. Raises FileNotFoundError for a run
    without a checkpoint and ValueError for a share that is none and a network that has no such channels.
    """
    if not 0 < most < 1:
        raise ValueError(f"--most {most}: it must be a share between 0 and 1, such as 0.01")
    state = load_checkpoint(run / CHECKPOINT)
    network = load_network(run)
    hidden = network.encoder.hidden_channels() if isinstance(network, MultiTaskVIF) else {}
    if not hidden:
        raise ValueError(f"{run}: nothing to prune; it takes encoder lite0 with decoder multitask or fusion")
    config = read_config(frames) if frames else state["config"]
    kept = _choose(network, hidden, sample_batches(config, data, _BATCHES), most)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name, part in kept.items():
        _cut(weights, hidden[name], part)
    widths = {**state["config"]["model"].get("hidden", {}), **{n: len(k.channels) for n, k in kept.items()}}
    model = {**state["config"]["model"], "pretrained": False, "hidden": widths}
    build_model(model).load_state_dict(weights)
    narrow = {"average": weights, "step": state["step"], "config": {**state["config"], "model": model}}
    save_checkpoint(out / CHECKPOINT, narrow)
    return widths, {name: part.loss for name, part in kept.items()}


@torch.no_grad()
def _choose(
    network: Network, hidden: Mapping[str, Hidden], batches: Iterable[tuple[Tensor, Tensor]], most: float
) -> dict[str, Kept]:
    """Return by name what stays, where anything goes."""
    takers = {name: network.encoder.get_submodule(layers.taker) for name, layers in hidden.items()}
    grams: dict[str, Tensor] = {}
    generator = torch.Generator().manual_seed(0)
    handles = [_watch(name, taker, grams, generator) for name, taker in takers.items()]
    for rgb, ir in batches:
        network(rgb, ir)
    for handle in handles:
        handle.remove()
    chosen = {
        name: eliminate(grams[name], taker.get_parameter("weight"), most, _MULTIPLE)
        for name, taker in takers.items()
    }
    return {name: kept for name, kept in chosen.items() if kept is not None}


def _watch(
    name: str, taker: nn.Module, grams: dict[str, Tensor], generator: torch.Generator
) -> RemovableHandle:
    """Add up the Gram matrix of what a convolution sees whenever the network runs."""
    assert isinstance(taker, nn.Conv2d) and not isinstance(taker.padding, str)
    kernel, padding, stride = taker.kernel_size, taker.padding, taker.stride

    def add(_: nn.Module, inputs: tuple[Tensor]) -> None:
        patches = F.unfold(inputs[0], kernel, padding=padding, stride=stride).transpose(1, 2).flatten(0, 1)
        some = patches[torch.randperm(len(patches), generator=generator)[:_PATCHES]].double()
        seen = torch.cat((some, some.new_ones(len(some), 1)), 1)
        grams[name] = grams.get(name, 0) + seen.T @ seen

    return taker.register_forward_pre_hook(add)


def _cut(weights: dict[str, Tensor], layers: Hidden, kept: Kept) -> None:
    """Leave out of a network's weights, in place, all but the kept channels."""
    for maker in layers.makers:
        for name in [name for name in weights if name.startswith(f"encoder.{maker}.")]:
            if weights[name].ndim:
                weights[name] = weights[name][kept.channels]
    weights[f"encoder.{layers.taker}.weight"] = kept.kernel
    # The batch norm behind takes the bias, with the opposite sign.
    weights[f"encoder.{layers.norm}.running_mean"] -= kept.bias


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.history.prune", __doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder that training.train wrote")
    parser.add_argument("--data", type=Path, required=True, help="folder that the config's paths start at")
    parser.add_argument("--out", type=Path, required=True, help="folder for the narrower run")
    parser.add_argument("--most", type=float, default=0.01, help="share of a layer's variance to lose (0.01)")
    parser.add_argument("--config", type=Path, help="whose frames to judge by, if not the run's")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        widths, losses = prune_run(options.run, options.data, options.out, options.most, options.config)
    print("model:\n  pretrained: false\n  hidden:")
    for name, width in widths.items():
        print(f"    {name}: {width}" + (f"  # loses {losses[name]:.2%}" if name in losses else ""))
    for run in (options.run, options.out):
        network = load_network(run)
        size, cost = count_parameters(network) / 1e6, count_macs(network, _SIZE) / 1e9
        print(f"{run}: {size:.3f} M parameters, {cost:.3f} GMACs at {_SIZE[0]}x{_SIZE[1]}")


if __name__ == "__main__":
    main()

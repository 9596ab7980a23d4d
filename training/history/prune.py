"""Make a trained network narrower by removing channels that the others can replace.

    python -m training.history.prune --run RUN --data DATA --out NARROW

Only channels that a single convolution reads are removed, and that convolution is refitted to those that
stay. NARROW is a run like any other, to export or, better, to start a training from. The printed widths are
the `model.hidden` of that training's config.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mtvif_ros.command_line import command_parser, told_plainly
from training.config import Config, check, plain, read_config
from training.data.mixture import sample_batches
from training.history.eliminate import Kept, eliminate
from training.model import MultiTaskVIF, Network, build_model
from training.model.checkpoint import CHECKPOINT, load_checkpoint, load_network, save_checkpoint
from training.model.cost import count_macs, count_parameters
from training.model.encoders.base import Hidden

_BATCHES = 48
_PATCHES = 4096  # of a batch: plenty for one convolution
_MULTIPLE = 16  # the width of int8 kernels
_SIZE = (480, 640)


def prune_run(
    run: Path, data: Path, out: Path, most: float, frames: Path | None = None
) -> tuple[dict[str, int], dict[str, float]]:
    """Write a run whose network is that of `run`, narrower; return its widths and its losses by name.

    Every convolution behind such channels may lose the share `most` of its output's variance on the training
    frames of the config `frames` below `data`, by default of the run's config. Raises FileNotFoundError for a
    run without a checkpoint, and ValueError for a `most` outside 0..1 and a network without such channels.
    """
    if not 0 < most < 1:
        raise ValueError(f"--most is {most}, expected a number between 0 and 1, such as 0.01")
    state = load_checkpoint(run / CHECKPOINT)
    config = check(Config, state["config"], str(run / CHECKPOINT))
    network = load_network(run)
    hidden = network.encoder.hidden_channels() if isinstance(network, MultiTaskVIF) else {}
    if not hidden:
        raise ValueError(f"{run}: nothing to prune, expected encoder lite0 with decoder multitask or fusion")
    batches = sample_batches(read_config(frames) if frames else config, data, _BATCHES)
    kept = _choose(network, hidden, batches, most)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name, part in kept.items():
        _cut(weights, hidden[name], part)
    widths = {**config.model.hidden, **{name: len(part.channels) for name, part in kept.items()}}
    narrow = replace(config, model=replace(config.model, pretrained=False, hidden=widths))
    build_model(narrow.model).load_state_dict(weights)
    save_checkpoint(out / CHECKPOINT, {"average": weights, "step": state["step"], "config": plain(narrow)})
    return widths, {name: part.loss for name, part in kept.items()}


@torch.no_grad()
def _choose(
    network: Network, hidden: Mapping[str, Hidden], batches: Iterable[tuple[Tensor, Tensor]], most: float
) -> dict[str, Kept]:
    """Return by name what stays, for layers that lose any channel."""
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
    """Sum the Gram matrix of a convolution's input patches whenever the network runs."""
    assert isinstance(taker, nn.Conv2d) and not isinstance(taker.padding, str)
    kernel, padding, stride = taker.kernel_size, taker.padding, taker.stride

    def add(_: nn.Module, inputs: tuple[Tensor]) -> None:
        patches = F.unfold(inputs[0], kernel, padding=padding, stride=stride).transpose(1, 2).flatten(0, 1)
        some = patches[torch.randperm(len(patches), generator=generator)[:_PATCHES]].double()
        seen = torch.cat((some, some.new_ones(len(some), 1)), 1)
        grams[name] = grams.get(name, 0) + seen.T @ seen

    return taker.register_forward_pre_hook(add)


def _cut(weights: dict[str, Tensor], layers: Hidden, kept: Kept) -> None:
    """Remove all but the kept channels from a network's weights, in place."""
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
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that the config's paths are relative to"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the narrower run")
    parser.add_argument(
        "--most", type=float, default=0.01, help="share of a layer's variance to lose; default 0.01"
    )
    parser.add_argument("--config", type=Path, help="take frames from this config; default the run's")
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

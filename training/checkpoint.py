"""Keep and restore the state of a training run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.model import Network, build_model

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that a crash at any moment leaves either the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are accepted, never code."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def load_weights(network: nn.Module, run: Path) -> None:
    """Start `network` from the averaged weights of another run, where names and shapes agree.

    Raises FileNotFoundError without a checkpoint and ValueError when nothing fits.
    """
    path = run / CHECKPOINT
    if not path.is_file():
        raise FileNotFoundError(f"initial: {path} does not exist; train that run first")
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in load_checkpoint(path)["average"].items()
        if name in own and own[name].shape == tensor.shape
    }
    if not fitting:
        raise ValueError(f"initial: no tensor of {path} fits this network")
    network.load_state_dict(fitting, strict=False)
    print(f"starting {len(fitting)} of {len(own)} tensors from {path}")


def load_network(run: Path) -> Network:
    """Return the averaged network of a run, ready to be used."""
    state = load_checkpoint(run / CHECKPOINT)
    network = build_model({**state["config"]["model"], "pretrained": False})
    network.load_state_dict(state["average"])
    return network.eval()

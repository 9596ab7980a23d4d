"""Save and load the state of a run, and weights to start other runs from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtvif_ros.classes import STREET_NAMES, SegmentationClass
from training.config import ModelSettings, check
from training.model import Network, build_model

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"  # the averaged weights of the best validation
_WEIGHTS = ".safetensors"
_LAST_LAYER = ".segmentation.logits."
_NAMED = 8
_ABOUT = {"average", "classes", "config"}  # what every checkpoint has
_UNWRITTEN = "cannot be written; check the free space of the disk and the rights to the folder"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` atomically: a crash at any moment leaves either the old file or the new one.

    Raises OSError when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        torch.save(state, partial)
    except RuntimeError as error:  # torch's own writer raises no OSError
        raise OSError(f"{path}: {_UNWRITTEN}") from error
    os.replace(partial, path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are accepted, never code.

    Raises FileNotFoundError when there is none and ValueError for another file or a damaged one.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; train that run first")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, LookupError, RuntimeError, UnpicklingError) as error:
        raise ValueError(f"{path}: is damaged, or no checkpoint; copy it again, or remove it") from error
    if not isinstance(state, dict) or not state.keys() >= _ABOUT:
        raise ValueError(f"{path}: is no checkpoint of this package; name a folder that training.train wrote")
    return state


def load_weights(network: Network, source: Path) -> list[str]:
    """Load the averaged weights of a run, or a .safetensors file, into `network`, as far as they fit.

    A tensor fits when the network has one of its name and shape; the last layer only if the classes are the
    same, too. Returns the names of the network's tensors that stay as they are, and prints some. Raises
    FileNotFoundError when `source` has no weights, and ValueError when they cannot be read, when none fits or
    when their encoder's blocks have other widths.
    """
    path = source if source.suffix == _WEIGHTS else source / CHECKPOINT
    if not path.is_file():
        raise FileNotFoundError(f"initial: {path} does not exist; train that run first")
    own, (given, names) = network.state_dict(), _read_weights(path)
    widths, own_widths = _widths(network, given), _widths(network, own)
    if any(width != own_widths[name] for name, width in widths.items()):
        raise ValueError(
            f"initial: the encoder of {path} has other widths than this network; set model.hidden: {widths}"
        )
    fitting = {
        name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape
    }
    if names != [one.name for one in network.classes]:
        fitting = {name: tensor for name, tensor in fitting.items() if _LAST_LAYER not in name}
        print(f"{path} has other classes ({', '.join(names)}): the last layer starts anew")
    if not fitting:
        raise ValueError(f"initial: no tensor of {path} fits this network")
    network.load_state_dict(fitting, strict=False)
    print(f"starting {len(fitting)} of {len(own)} tensors from {path}")
    others = sorted(own.keys() - fitting)
    if others:
        print(f"  unchanged: {', '.join(others[:_NAMED])}{' …' if len(others) > _NAMED else ''}")
    return others


def _widths(network: Network, weights: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the widths of `weights` inside the encoder, by the names of `network`."""
    takers = {name: f"encoder.{h.taker}.weight" for name, h in network.encoder.hidden_channels().items()}
    return {name: weights[taker].shape[1] for name, taker in takers.items() if taker in weights}


def save_weights(network: Network, path: Path) -> None:
    """Write weights to start other runs from, kernels in float16.

    Raises ValueError unless the file name ends in .safetensors, and OSError when it cannot be written.
    """
    if path.suffix != _WEIGHTS:
        raise ValueError(f"{path}: the name must end in {_WEIGHTS}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Variances of batch norms exceed float16's range, kernels do not.
    small = {
        name: tensor.half().contiguous() if tensor.ndim > 1 else tensor.clone()
        for name, tensor in network.state_dict().items()
    }
    try:
        save_file(small, path, {"classes": json.dumps([one.name for one in network.classes])})
    except SafetensorError as error:
        raise OSError(f"{path}: {_UNWRITTEN}") from error


def _read_weights(path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors of a run or a file, and the names of its classes."""
    if path.suffix != _WEIGHTS:
        kept = load_checkpoint(path)
        return kept["average"], [name for name, _ in kept["classes"]]
    try:
        with safe_open(path, "pt") as file:
            # Files of 0.1.0 name no classes and have the street's.
            names = json.loads((file.metadata() or {}).get("classes", json.dumps(STREET_NAMES)))
        return load_file(path), names
    except SafetensorError as error:
        raise ValueError(f"initial: {path} cannot be read: {error}") from error


def load_network(run: Path, name: str = CHECKPOINT) -> Network:
    """Return the averaged network of a run, in evaluation mode; `name` is CHECKPOINT or BEST.

    Raises FileNotFoundError when there is no such file, and ValueError when it was trained with code whose
    network has other tensors or settings.
    """
    state = load_checkpoint(run / name)
    settings = check(ModelSettings, state["config"]["model"], f"{run / name}: model")
    classes = tuple(SegmentationClass(name, tuple(colour)) for name, colour in state["classes"])
    network = build_model(settings.without_weights(), classes)
    try:
        network.load_state_dict(state["average"])
    except RuntimeError as error:
        told = " ".join(str(error).split())
        raise ValueError(
            f"{run}: the code that trained it had other tensors in its network; "
            f"train a new run that starts from it (initial: {run}). {told}"
        ) from error
    return network.eval()

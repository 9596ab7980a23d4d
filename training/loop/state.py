"""Start or resume what a training changes: the network, its average and the optimiser."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.config import Config, plain
from training.data.classes import classes_of
from training.loop.optimiser import Optimisers, make_optimisers
from training.model import Network, build_model
from training.model.checkpoint import load_checkpoint, load_weights, save_checkpoint
from training.model.freeze import freeze
from training.model.learner import Learner


@dataclass
class State:
    """Hold everything that a checkpoint keeps."""

    learner: Learner
    average: Network
    optimiser: Optimisers
    step: int = 0
    random: list[Tensor] = field(default_factory=list)

    @property
    def network(self) -> Network:
        """The network that learns."""
        return self.learner.network

    def save(self, path: Path, config: Config) -> None:
        modules = {
            "network": self.network,
            "judges": self.learner.judges,
            "projections": self.learner.projections,
            "average": self.average,
            "optimiser": self.optimiser,
        }
        tensors = {name: module.state_dict() for name, module in modules.items()}
        save_checkpoint(path, tensors | self._about(config) | {"random": _random_states(self._device)})

    def save_average(self, path: Path, config: Config, score: float) -> None:
        """Write the averaged weights alone, and what a validation gave them."""
        save_checkpoint(path, {"average": self.average.state_dict(), "score": score} | self._about(config))

    def _about(self, config: Config) -> dict[str, Any]:
        classes = [[one.name, list(one.rgb)] for one in self.network.classes]
        return {"step": self.step, "config": plain(config), "classes": classes}

    def restore(self, path: Path, config: Config) -> None:
        kept = load_checkpoint(path)
        _refuse_changes(path, kept, self._about(config))
        self.network.load_state_dict(kept["network"])
        self.learner.judges.load_state_dict(kept["judges"])
        self.learner.projections.load_state_dict(kept["projections"])
        self.average.load_state_dict(kept["average"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step, self.random = kept["step"], kept["random"]

    def draw_on(self) -> None:
        """Draw random numbers from where a restored run stopped; those that a start takes come before."""
        for draw_from, numbers in zip((torch.set_rng_state, torch.cuda.set_rng_state), self.random):
            draw_from(numbers)

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def _random_states(device: torch.device) -> list[Tensor]:
    """Return torch's random state, and that of the GPU if `device` is one."""
    of_gpu = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *of_gpu]


def _refuse_changes(path: Path, kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise ValueError naming all that differs of what the tensors in the checkpoint `path` depend on."""
    before, now = (
        _fixed(about["config"], [name for name, _ in about["classes"]]) for about in (kept, wanted)
    )
    differing = [f"{what} was {before[what]}, now {now[what]}" for what in now if before[what] != now[what]]
    if differing:
        raise ValueError(
            f"{path}: cannot go on with other settings: {'; '.join(differing)}; set them back, or choose "
            f"another --out, perhaps with initial: {path.parent} to start from its weights"
        )


def _fixed(config: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Return what a run cannot change, as text; `names` are its classes."""
    model, loss, rates = config["model"], config["loss"], config["train"].get("rates", {})
    return {
        "classes": ", ".join(names),
        "model.encoder": model["encoder"],
        "model.decoder": model["decoder"],
        "model.hidden": _listed(dict(sorted(model.get("hidden", {}).items()))),
        "train.rates": _listed(rates),  # in their order, of which the first part counts
        "loss.auxiliary": "on" if loss.get("auxiliary") else "off",
        "loss.features": "on" if loss.get("features") else "off",
    }


def _listed(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items()) or "none"


def begin(config: Config, device: torch.device, checkpoint: Path | None = None) -> State:
    """Return the state that a training goes on from, on `device`.

    That is `checkpoint` where it exists, otherwise a new network with the weights of `initial`, if any.
    Raises what build_model, load_weights, make_optimisers and freeze raise, and ValueError for a checkpoint
    of other classes, another network or other rates.
    """
    torch.manual_seed(config.seed)
    network = build_model(config.model, classes_of(config))
    resumes = checkpoint is not None and checkpoint.exists()
    if config.initial is not None and not resumes:
        load_weights(network, config.initial)
    learner = Learner(network, deep=config.loss.auxiliary > 0, taught=config.loss.features > 0)
    learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = config.train
    optimiser = make_optimisers(learner, settings.learning_rate, settings.weight_decay, settings.rates)
    state = State(learner, copy.deepcopy(network).eval(), optimiser)
    if checkpoint is not None and resumes:
        state.restore(checkpoint, config)
    freeze(network, config.train)
    return state

"""Hold what learns, and take one step."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.loop.average import follow
from training.loop.distillation import taught_probabilities
from training.loop.graphs import Teach, graph_fusion_terms, graph_learner, graph_teachers
from training.loop.optimiser import parameter_groups
from training.losses import FusionJudge, joint_loss
from training.model import Network, build_model
from training.model.checkpoint import load_checkpoint, load_weights, save_checkpoint
from training.model.deep_supervision import DeepSupervision
from training.model.precision import fast_autocast


def learning_rate(step: int, config: dict[str, Any]) -> float:
    """Return the rate at `step`: linear warm-up, then half a cosine down to one hundredth."""
    warmup, steps = config["warmup_steps"], config["steps"]
    if step < warmup:
        return float(config["learning_rate"]) * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return float(config["learning_rate"]) * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


@dataclass
class State:
    """Hold everything that a checkpoint keeps."""

    learner: DeepSupervision
    average: Network
    optimiser: torch.optim.Optimizer
    step: int = 0

    @property
    def network(self) -> Network:
        return self.learner.network

    def save(self, path: Path, config: dict[str, Any]) -> None:
        modules = {
            "network": self.network,
            "judges": self.learner.judges,
            "average": self.average,
            "optimiser": self.optimiser,
        }
        tensors = {name: module.state_dict() for name, module in modules.items()}
        save_checkpoint(path, tensors | {"step": self.step, "config": config})

    def restore(self, path: Path) -> None:
        kept = load_checkpoint(path)
        self.network.load_state_dict(kept["network"])
        self.learner.judges.load_state_dict(kept.get("judges", {}))
        self.average.load_state_dict(kept["average"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step = kept["step"]
        print(f"resuming {path} at step {self.step}")


def start_training(config: dict[str, Any], device: torch.device) -> State:
    """Return what a training begins with: the network of `initial`, where there is one, on `device`.

    Raises what build_model, load_weights and parameter_groups raise.
    """
    torch.manual_seed(config["seed"])
    network = build_model(config["model"])
    if "initial" in config:
        load_weights(network, Path(config["initial"]))
    learner = DeepSupervision(network, deep=bool(config["loss"].get("auxiliary", 0)))
    learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = config["train"]
    groups = parameter_groups(learner, settings["weight_decay"], settings.get("rates", {}))
    optimiser = torch.optim.AdamW(groups, lr=settings["learning_rate"])
    return State(learner, copy.deepcopy(network).eval(), optimiser)


class Step:
    """Move a state by one step: Step(config, state, teachers, shared)(rgb, ir, allowed) returns the terms.

    Frames are (N, 3, H, W) and (N, 1, H, W) in 0..1 on the network's device, always of one size; the terms
    are joint_loss's. `shared` says that other processes take their part of every step. On a GPU that is not
    shared the kernels are captured at the first step and then replayed, unless `train.graphs` is false.
    """

    def __init__(self, config: dict[str, Any], state: State, teachers: Sequence[Network], shared: bool):
        self._config, self._state, self._teachers = config, state, teachers
        self._model: nn.Module = DistributedDataParallel(state.learner) if shared else state.learner
        self._teach: Teach = partial(taught_probabilities, teachers)
        self._judge_fusion: FusionJudge | None = None
        self._bf16 = bool(config["train"].get("bf16", True))
        self._to_graph = not shared and config["train"].get("graphs", True)

    def __call__(self, rgb: Tensor, ir: Tensor, allowed: Tensor) -> dict[str, Tensor]:
        state, settings, weights = self._state, self._config["train"], self._config["loss"]
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate(state.step, settings) * group.get("share", 1.0)
        frames = [frame.contiguous(memory_format=torch.channels_last) for frame in (rgb, ir)]
        if self._to_graph and rgb.device.type == "cuda":
            self._graph(*frames)
        with fast_autocast(rgb.device, self._bf16):
            change, cells, inner = self._model(*frames)
            taught = self._teach(*frames) if self._teachers else None
        terms = joint_loss(change, cells, rgb, ir, allowed, weights, inner, taught, self._judge_fusion)
        state.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_(state.learner.parameters(), settings["clip_gradients"])
        state.optimiser.step()
        follow(state.average, state.network, state.step, settings["ema_decay"])
        state.step += 1
        return terms

    def _graph(self, rgb: Tensor, ir: Tensor) -> None:
        self._to_graph = False
        if self._state.network.decoder.segmentation_pyramid is not None:  # None cannot leave a graph
            self._model = graph_learner(self._state.learner, rgb, ir, self._bf16)
        if self._teachers:
            self._teach = graph_teachers(self._teachers, rgb, ir, self._bf16)
        self._judge_fusion = graph_fusion_terms(self._config["loss"], rgb, ir)

"""Take one step: losses, gradients, update, average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.config import Config, TrainSettings
from training.loop.average import follow
from training.loop.distillation import taught_probabilities
from training.loop.graphs import Teach, graph_fusion_terms, graph_learner, graph_teachers
from training.loop.state import State
from training.losses import FusionJudge, joint_loss
from training.model import Network
from training.model.precision import fast_autocast


class Step:
    """Advance a state by one step and return the loss terms of joint_loss.

    Call it with rgb (N, 3, H, W) and ir (N, 1, H, W) in 0..1 and allowed (N, H, W), always of one size.
    `shared` says that other processes take their part of every step. On a single GPU the first step captures
    the kernels, which later steps replay, unless `train.graphs` is false.
    """

    def __init__(self, config: Config, state: State, teachers: Sequence[Network], shared: bool):
        self._config, self._state, self._teachers = config, state, teachers
        self._device = next(state.network.parameters()).device
        self._model: nn.Module = DistributedDataParallel(state.learner) if shared else state.learner
        self._teach: Teach = partial(taught_probabilities, teachers)
        self._judge_fusion: FusionJudge | None = None
        self._to_graph = config.train.graphs and not shared and self._device.type == "cuda"

    def __call__(self, rgb: Tensor, ir: Tensor, allowed: Tensor) -> dict[str, Tensor]:
        rgb, ir, allowed = (one.to(self._device, non_blocking=True) for one in (rgb, ir, allowed))
        frames = [one.contiguous(memory_format=torch.channels_last) for one in (rgb, ir)]
        if self._to_graph:
            self._graph(*frames)
        with fast_autocast(self._device, self._config.train.bf16):
            change, cells, inner = self._model(*frames)
            taught = self._teach(*frames) if self._teachers else None
        weights = self._config.loss
        terms = joint_loss(change, cells, rgb, ir, allowed, weights, inner, taught, self._judge_fusion)
        self._update(torch.stack(list(terms.values())).sum())
        return terms

    def _update(self, loss: Tensor) -> None:
        state, settings = self._state, self._config.train
        rate = learning_rate(state.step, settings)
        for group in state.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(state.learner.parameters(), settings.clip_gradients)
        state.optimiser.step()
        follow(state.average, state.network, state.step, settings.ema_decay)
        state.step += 1

    def _graph(self, rgb: Tensor, ir: Tensor) -> None:
        self._to_graph = False
        bf16 = self._config.train.bf16
        if self._state.network.decoder.segmentation_pyramid is not None:  # None cannot leave a graph
            self._model = graph_learner(self._state.learner, rgb, ir, bf16)
        if self._teachers:
            self._teach = graph_teachers(self._teachers, rgb, ir, bf16)
        self._judge_fusion = graph_fusion_terms(self._config.loss, rgb, ir)


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Return the rate at `step`: linear warm-up, then half a cosine down to one hundredth."""
    warmup = settings.warmup_steps
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, settings.steps - warmup)
    return settings.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)

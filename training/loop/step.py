"""Take one step: losses, gradients, update, average."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.config import Config, LossWeights, TrainSettings
from training.loop.average import update_average
from training.loop.graphs import graph_fusion_terms, graph_learner
from training.loop.state import State
from training.losses import FusionJudge, joint_loss
from training.losses.joint import FUSION_LOSSES, SEGMENTATION_LOSSES
from training.losses.teacher import Taught
from training.losses.video import neighbours, steadiness_loss
from training.model import Cascade, Network
from training.model.decoders import FusionDecoder, MultiTaskHead
from training.model.learner import Learner, Outputs
from training.model.precision import fast_autocast

_STEADY_SHARE = 8  # one of so many samples gets a neighbouring frame
_OF_FUSION = (*FUSION_LOSSES, "colour", "imitation", "revealing", "steadiness")
_OF_SEGMENTATION = (*SEGMENTATION_LOSSES, "distillation")


class Step:
    """Advance a state by one step and return the loss terms of joint_loss, and `steadiness` where it counts.

    Call it with rgb (N, 3, H, W) and ir (N, 1, H, W) in 0..1, allowed (N, C, H/2, W/2) and what a teacher
    says, if any, always of one size. `shared` says that other processes take their part of every step. On a
    single GPU the first step captures the kernels, which later steps replay, unless `train.graphs` is false.
    """

    def __init__(self, config: Config, state: State, shared: bool):
        self._config, self._state = config, state
        self._device = next(state.network.parameters()).device
        self._model: nn.Module = _shared(state.learner, config.loss) if shared else state.learner
        self._judge_fusion: FusionJudge | None = None
        self._to_graph = config.train.graphs and not shared and self._device.type == "cuda"

    def __call__(
        self, rgb: Tensor, ir: Tensor, allowed: Tensor, taught: Taught | None = None
    ) -> dict[str, Tensor]:
        rgb, ir, allowed = (one.to(self._device, non_blocking=True) for one in (rgb, ir, allowed))
        if taught is not None:
            taught = taught.to(self._device)
        weights, count = self._config.loss, len(rgb)
        frames = [rgb, ir]
        steady = weights.steadiness > 0
        if steady:
            few = max(1, count // _STEADY_SHARE)
            later = neighbours(rgb[:few], ir[:few])
            frames = [torch.cat(both) for both in zip(frames, later)]
        frames = [one.contiguous(memory_format=torch.channels_last) for one in frames]
        if self._to_graph:
            self._graph(*frames)
        with fast_autocast(self._device, self._config.train.bf16):
            outputs = self._model(*frames)
        own = _first(outputs, count)
        terms = joint_loss(own, rgb, ir, allowed, weights, taught, self._judge_fusion)
        if steady:
            change = outputs.change.float()
            pair = (rgb[:few], ir[:few], *later)
            terms["steadiness"] = weights.steadiness * steadiness_loss(change[:few], change[count:], pair)
        self._update(torch.stack(list(terms.values())).sum())
        return terms

    def _update(self, loss: Tensor) -> None:
        state, settings = self._state, self._config.train
        loss.backward()
        nn.utils.clip_grad_norm_(state.learner.parameters(), settings.clip_gradients)
        state.optimiser.step(learning_rate(state.step, settings))
        update_average(state.average, state.network, state.step, settings.ema_decay)
        state.step += 1

    def _graph(self, rgb: Tensor, ir: Tensor) -> None:
        self._to_graph = False
        if not isinstance(self._state.network.decoder, FusionDecoder):  # None cannot leave a graph
            self._model = graph_learner(self._state.learner, rgb, ir, self._config.train.bf16)
        if self._config.loss.steadiness == 0:
            self._judge_fusion = graph_fusion_terms(self._config.loss, rgb, ir)


def _shared(learner: Learner, weights: LossWeights) -> DistributedDataParallel:
    """Return a learner whose gradients are the means of all processes."""
    for part in _parts_without_loss(learner.network, weights):
        part.requires_grad_(False)  # the processes would wait for its gradient
    return DistributedDataParallel(learner)


def _parts_without_loss(network: Network, weights: LossWeights) -> list[nn.Module]:
    """Return the parts of a network that no loss of joint_loss or `steadiness` reaches."""
    fuses, segments = (
        any(getattr(weights, name) for name in names) for names in (_OF_FUSION, _OF_SEGMENTATION)
    )
    decoder = network.decoder
    if isinstance(network, Cascade):
        first, second = [network.fusion], [network.encoder, decoder]
        return ([] if fuses else first) + ([] if segments else second)
    if isinstance(decoder, MultiTaskHead) and (fuses or segments):
        return ([] if fuses else [decoder.fusion]) + ([] if segments else [decoder.segmentation])
    return [] if fuses else [decoder]


def _first(outputs: Outputs, count: int) -> Outputs:
    """Return the outputs for the first `count` frames."""
    change, cells, inner, features = outputs
    return Outputs(
        change[:count],
        None if cells is None else cells[:count],
        [one[:count] for one in inner],
        [one[:count] for one in features],
    )


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Return the rate at `step`: linear warm-up, then half a cosine down to one hundredth."""
    warmup = settings.warmup_steps
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, settings.steps - warmup)
    return settings.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)

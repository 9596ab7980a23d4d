"""Replay a step's kernels as CUDA graphs.

A step launches about five thousand small kernels. Launched one by one from Python they leave a large GPU
idle most of the time; captured once and replayed, they keep it busy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from training.config import LossWeights
from training.loop.distillation import taught_probabilities
from training.losses import FusionJudge, fusion_terms
from training.model import Network
from training.model.deep_supervision import DeepSupervision
from training.model.precision import fast_autocast

_WARM_UP = 3

Teach = Callable[[Tensor, Tensor], Tensor]


def graph_learner(learner: DeepSupervision, rgb: Tensor, ir: Tensor, bf16: bool) -> nn.Module:
    """Return `learner` with its forward and its backward pass captured as a graph each.

    `rgb` and `ir` are frames on its GPU, of the size of all later frames. Parameters and batch norm
    statistics stay unchanged. Every call overwrites the outputs of the call before.
    """
    # The warning only says that autograd waits for the warm-up's stream, whose nodes it keeps using.
    warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream")
    before = {name: tensor.clone() for name, tensor in learner.named_buffers()}
    with fast_autocast(rgb.device, bf16, cache=False):
        graphed = torch.cuda.make_graphed_callables(learner, (rgb, ir), allow_unused_input=True)
    for name, tensor in learner.named_buffers():
        tensor.copy_(before[name])
    assert isinstance(graphed, nn.Module)
    return graphed


def graph_fusion_terms(weights: LossWeights, rgb: Tensor, ir: Tensor) -> FusionJudge:
    """Return fusion_terms with `weights`, captured for frames like `rgb` and `ir`."""
    change = torch.zeros_like(ir, requires_grad=True)
    graphed = torch.cuda.make_graphed_callables(partial(fusion_terms, weights=weights), (change, rgb, ir))
    return graphed  # type: ignore[return-value]


@torch.no_grad()
def graph_teachers(teachers: Sequence[Network], rgb: Tensor, ir: Tensor, bf16: bool) -> Teach:
    """Return taught_probabilities of `teachers`, captured for frames like `rgb` and `ir`.

    Every call overwrites the output of the call before.
    """
    held = [rgb.clone(memory_format=torch.preserve_format), ir.clone(memory_format=torch.preserve_format)]
    graph = torch.cuda.CUDAGraph()
    with fast_autocast(rgb.device, bf16, cache=False):
        _warm_up(lambda: taught_probabilities(teachers, *held))
        with torch.cuda.graph(graph):
            taught = taught_probabilities(teachers, *held)

    def teach(*frames: Tensor) -> Tensor:
        for place, frame in zip(held, frames, strict=True):
            place.copy_(frame)
        graph.replay()
        return taught

    return teach


def _warm_up(compute: Callable[[], Any]) -> None:
    """Run `compute` so that libraries choose kernels and allocate memory, which a capture must not do."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            compute()
    torch.cuda.current_stream().wait_stream(stream)

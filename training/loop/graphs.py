"""Replay a step's kernels as CUDA graphs.

A step starts some five thousand small kernels. Started one by one from Python they keep a large GPU idle most
of the time; captured once and replayed, it is not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from training.loop.distillation import taught_probabilities
from training.losses import FusionJudge, fusion_terms
from training.model import Network
from training.model.deep_supervision import DeepSupervision
from training.model.precision import fast_autocast

_WARM_UP = 3

Teach = Callable[[Tensor, Tensor], Tensor]


def graph_learner(learner: DeepSupervision, rgb: Tensor, ir: Tensor, bf16: bool) -> nn.Module:
    """Return `learner` so that it computes forwards and backwards by one graph each.

    `rgb` and `ir` are frames on its GPU, of the size that all others have. Its parameters and the statistics
    of its batch norms are as before; what it returns is overwritten when it is called again.
    """
    # It only says that autograd waits for the stream of the warm-up, whose nodes it goes on using.
    warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream")
    before = {name: tensor.clone() for name, tensor in learner.named_buffers()}
    with fast_autocast(rgb.device, bf16, cache=False):
        graphed = torch.cuda.make_graphed_callables(learner, (rgb, ir), allow_unused_input=True)
    for name, tensor in learner.named_buffers():
        tensor.copy_(before[name])
    assert isinstance(graphed, nn.Module)
    return graphed


def graph_fusion_terms(weights: Mapping[str, float], rgb: Tensor, ir: Tensor) -> FusionJudge:
    """Return fusion_terms with these `weights` as graphs for frames like `rgb` and `ir`."""
    change = torch.zeros_like(ir, requires_grad=True)
    graphed = torch.cuda.make_graphed_callables(partial(fusion_terms, weights=weights), (change, rgb, ir))
    return graphed  # type: ignore[return-value]


@torch.no_grad()
def graph_teachers(teachers: Sequence[Network], rgb: Tensor, ir: Tensor, bf16: bool) -> Teach:
    """Return taught_probabilities of `teachers` as a graph for frames like `rgb` and `ir`.

    What it returns is overwritten when it is called again.
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
    """Let libraries choose and allocate what a capture must not."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            compute()
    torch.cuda.current_stream().wait_stream(stream)

"""Replay a step's kernels as CUDA graphs.

A step launches thousands of small kernels. Launched one by one from Python they leave a large GPU idle most
of the time; captured once and replayed, they keep it busy.
"""

from __future__ import annotations

import warnings
from functools import partial

import torch
from torch import Tensor, nn

from training.config import LossWeights
from training.losses import FusionJudge, fusion_terms
from training.model.learner import Learner
from training.model.precision import fast_autocast


def graph_learner(learner: Learner, rgb: Tensor, ir: Tensor, bf16: bool) -> nn.Module:
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

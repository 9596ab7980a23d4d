import copy

import pytest
import torch

from tests.training import tiny
from training.config import LossWeights
from training.loop.graphs import graph_fusion_terms, graph_learner
from training.losses import fusion_terms
from training.model.learner import Learner

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here"),
]

WEIGHTS = LossWeights(intensity=3.0, structure=5.0, difference=0.6, fidelity=1.2, edge=3.0, colour=3.0)


def frames(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rgb, ir = torch.rand(4, 3, 96, 128, generator=generator), torch.rand(4, 1, 96, 128, generator=generator)
    return rgb.cuda(), ir.cuda()


def learner() -> Learner:
    torch.manual_seed(0)
    return Learner(tiny.network("patch"), deep=True, taught=True).cuda()


def test_a_graph_gives_the_outputs_and_gradients_of_the_learner() -> None:
    own, other = learner(), copy.deepcopy(learner())
    graphed = graph_learner(other, *frames(0), bf16=False)
    for seed in (1, 2):
        results = []
        for model, parameters in ((own, list(own.parameters())), (graphed, list(other.parameters()))):
            change, cells, inner, features = model(*frames(seed))
            judged = (change, cells, *inner, *features)
            loss = torch.stack([one.square().mean() for one in judged]).sum()
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            results.append((change.clone(), cells.clone(), *gradients))
        for mine, theirs in zip(*results, strict=True):
            assert (mine is None) == (theirs is None)
            if mine is not None:
                torch.testing.assert_close(theirs, mine, rtol=1e-3, atol=1e-4)
    for (name, mine), theirs in zip(own.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(theirs, mine, rtol=1e-3, atol=1e-4, msg=name)


def test_a_graph_gives_the_terms_of_fusion_and_their_gradient() -> None:
    judge = graph_fusion_terms(WEIGHTS, *frames(0))
    rgb, ir = frames(3)
    change = (torch.rand_like(ir) * 0.2).requires_grad_()
    wanted, given = fusion_terms(change, rgb, ir, WEIGHTS), judge(change, rgb, ir)
    assert wanted.keys() == given.keys()
    for name, term in wanted.items():
        torch.testing.assert_close(given[name], term, msg=name)
    gradients = [
        torch.autograd.grad(torch.stack(list(terms.values())).sum(), change)[0] for terms in (wanted, given)
    ]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-6)

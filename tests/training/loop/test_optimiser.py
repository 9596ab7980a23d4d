import copy
from collections.abc import Mapping

import pytest
import torch
from torch import nn

from tests.training import tiny
from training.loop.optimiser import Muon, Optimisers, make_optimisers
from training.model.learner import Learner


def learner(encoder: str = "patch", **model: str) -> Learner:
    torch.manual_seed(0)
    return Learner(tiny.network(encoder, **model), deep=True, taught=True)


def moved(own: Learner, rates: Mapping[str, float] | None = None, decay: float = 0.0) -> dict[str, float]:
    """Return how far a step with gradients of noise moves each parameter: the norm, by name."""
    optimiser = make_optimisers(own, 1.0, decay, rates or {})
    before = {name: one.detach().clone() for name, one in own.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    for parameter in own.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimiser.step(1e-3)
    return {name: (one.detach() - before[name]).norm().item() for name, one in own.named_parameters()}


@pytest.mark.parametrize("decoder", ["multitask", "cascade", "fusion"])
def test_wide_kernels_of_encoders_and_pyramids_take_orthogonal_steps(decoder: str) -> None:
    own = learner(decoder=decoder)
    before = {name: one.detach().clone() for name, one in own.named_parameters()}
    moved(own)
    steps = {name: (one.detach() - before[name]).abs() for name, one in own.named_parameters()}
    # AdamW's first step is the gradient's sign, so it is equally large everywhere.
    by_muon = {name for name, step in steps.items() if not torch.allclose(step, step.max(), rtol=1e-2)}
    assert by_muon == {
        name
        for name, one in own.named_parameters()
        if one.ndim == 4 and min(one.shape[:2]) >= 16 and ("encoder." in name or "pyramid." in name)
    }
    assert len(by_muon) > 10


@pytest.mark.parametrize("shape", [(32, 16, 3, 3), (16, 32, 1, 1), (64, 16, 1, 1)])
def test_a_step_has_singular_values_near_one_and_the_size_of_adamws(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(shape))
    kernel.grad = torch.randn(shape)
    Muon([{"params": [kernel]}], lr=1.0).step()
    step = kernel.detach().flatten(1)
    values = torch.linalg.svdvals(step / (0.2 * max(step.shape) ** 0.5))
    assert values.min() > 0.65 and values.max() < 1.2
    assert step.square().mean().sqrt() == pytest.approx(0.2, rel=0.2)


def test_parts_learn_at_their_share_of_the_rate() -> None:
    usual = moved(learner())
    slow = moved(learner(), {"encoder.blocks.12": 0.25, "encoder": 0.5})
    for name, distance in usual.items():
        share = 1.0
        if name.startswith("network.encoder.blocks.12."):
            share = 0.25
        elif name.startswith("network.encoder."):
            share = 0.5
        assert slow[name] == pytest.approx(share * distance, rel=1e-3), name


def test_every_parameter_learns() -> None:
    assert min(moved(learner()).values()) > 0


def test_kernels_decay_and_vectors_do_not() -> None:
    own = learner()
    for parameter in own.parameters():
        nn.init.ones_(parameter)
    optimiser = make_optimisers(own, 1.0, 0.1, {})
    for parameter in own.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step(0.1)
    for name, parameter in own.named_parameters():
        assert (parameter.detach() < 0.999).all() == (parameter.ndim > 1), name


def test_a_part_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"train\.rates: 'encoder\.stem' is no part"):
        make_optimisers(learner(), 1.0, 0.0, {"encoder.stem": 0.1})


def descend(own: Learner, optimiser: Optimisers, first: int, last: int) -> list[float]:
    losses = []
    for number in range(first, last):
        generator = torch.Generator().manual_seed(number)
        rgb, ir = (torch.rand(2, channels, 64, 64, generator=generator) for channels in (3, 1))
        loss = (own(rgb, ir).change - 0.3).abs().mean()
        loss.backward()
        optimiser.step(3e-3)
        losses.append(loss.item())
    return losses


def test_a_small_problem_is_learnt() -> None:
    own = learner()
    losses = descend(own, make_optimisers(own, 1.0, 0.0, {}), 0, 25)
    assert losses[-1] < 0.5 * losses[0]


def test_it_goes_on_exactly_where_its_state_was_kept() -> None:
    own = learner()
    optimiser = make_optimisers(own, 1.0, 0.02, {"encoder": 0.5})
    descend(own, optimiser, 0, 2)
    kept = copy.deepcopy((own.state_dict(), optimiser.state_dict()))
    whole = descend(own, optimiser, 2, 4)

    other = learner()
    resumed = make_optimisers(other, 1.0, 0.02, {"encoder": 0.5})
    other.load_state_dict(kept[0])
    resumed.load_state_dict(kept[1])
    assert descend(other, resumed, 2, 4) == whole
    assert all(torch.equal(one, two) for one, two in zip(own.parameters(), other.parameters(), strict=True))

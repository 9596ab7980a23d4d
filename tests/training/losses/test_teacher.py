import math

import pytest
import torch

from training.losses import teacher as losses


def test_distillation_is_the_divergence_from_what_is_taught_and_things_weigh_five_times() -> None:
    own = torch.tensor([0.25, 0.5, 0.25]).view(1, 3, 1, 1)
    for taught, weight in (([0.0, 0.5, 0.5], 5.0), ([1.0, 0.0, 0.0], 1.0), ([0.5, 0.5, 0.0], 3.0)):
        goal = torch.tensor(taught).view(1, 3, 1, 1)
        divergence = sum(p * math.log(p / q) for p, q in zip(taught, own.flatten().tolist()) if p)
        loss = losses.distillation_loss(own.log() + 7, goal).item()
        assert loss == pytest.approx(weight * divergence, rel=1e-5)


def test_equal_answers_cost_nothing() -> None:
    logits = torch.randn(2, 9, 4, 6, generator=torch.Generator().manual_seed(0))
    assert losses.distillation_loss(logits, logits.softmax(1)).item() == pytest.approx(0, abs=1e-6)
    change = logits[:, :1]
    assert losses.imitation_loss(change, change) == 0


def features() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    scale = torch.logspace(-1, 1, 5).view(1, 5, 1, 1)
    return [torch.randn(4, 5, side, side, generator=generator) * scale + scale for side in (16, 8)]


def test_features_that_are_explained_cost_nothing_and_channel_means_explain_nothing() -> None:
    taught = features()
    assert losses.feature_loss(taught, taught) == 0
    means = [one.mean((0, 2, 3), keepdim=True).expand_as(one) for one in taught]
    assert losses.feature_loss(means, taught).item() == pytest.approx(1, abs=0.01)


def test_a_channel_that_never_changes_asks_for_little() -> None:
    taught = [torch.ones(2, 3, 4, 4)]
    loss = losses.feature_loss([torch.full((2, 3, 4, 4), 1.01)], taught)
    assert loss.item() == pytest.approx(1, rel=0.01)  # 0.01 squared over the least variance


def test_imitation_counts_levels_and_steps_from_pixel_to_pixel() -> None:
    taught = torch.zeros(1, 1, 4, 4)
    assert losses.imitation_loss(torch.full_like(taught, 0.5), taught).item() == pytest.approx(0.5)
    stripes = torch.zeros_like(taught)
    stripes[..., ::2] = 1
    assert losses.imitation_loss(stripes, taught).item() == pytest.approx(0.5 + 1)


def test_what_is_taught_moves_to_a_device_as_a_whole() -> None:
    taught = losses.Taught(torch.ones(1), torch.ones(2), (torch.ones(3), torch.ones(4)))
    there = taught.to(torch.device("meta"))
    assert [one.numel() for one in (there.change, there.probabilities, *there.features)] == [1, 2, 3, 4]
    assert all(one.is_meta for one in (there.change, there.probabilities, *there.features))

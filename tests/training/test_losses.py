import math

import pytest
import torch

from training import losses


def planes(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(1, 1, 32, 32, generator=generator) for _ in range(2))  # type: ignore[return-value]


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8) * 0.1
    horizontal, vertical = losses.gradients(ramp)[0, :, 2:-2, 2:-2]
    torch.testing.assert_close(horizontal, torch.full_like(horizontal, 0.2))
    torch.testing.assert_close(vertical, torch.zeros_like(vertical))


def test_the_brighter_source_has_no_intensity_loss() -> None:
    luma, ir = planes()
    assert losses.intensity_loss(torch.maximum(luma, ir), luma, ir) == 0
    assert losses.intensity_loss(torch.minimum(luma, ir), luma, ir) > 0


def test_an_inverted_edge_costs_more_than_a_missing_one() -> None:
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1
    flat = torch.zeros_like(edge)
    assert losses.gradient_loss(edge, edge, flat) == 0
    assert losses.gradient_loss(1 - edge, edge, flat) > losses.gradient_loss(flat, edge, flat)


def test_structure_loss_is_zero_only_for_equal_sources() -> None:
    luma, ir = planes()
    assert losses.structure_loss(luma, luma, luma) == pytest.approx(0, abs=1e-5)
    assert losses.structure_loss(luma, luma, ir) > 0.1


def test_for_one_allowed_class_it_is_cross_entropy() -> None:
    logits = torch.tensor([2.0, 0.0, -1.0]).view(1, 3, 1, 1)
    expected = -math.log(math.exp(0) / (math.exp(2) + 1 + math.exp(-1)))
    loss = losses.partial_label_loss(logits, torch.full((1, 1, 1), 0b010))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_probability_may_be_anywhere_among_the_allowed_classes() -> None:
    logits = torch.tensor([9.0, 9.0, -9.0]).view(1, 3, 1, 1)
    assert losses.partial_label_loss(logits, torch.full((1, 1, 1), 0b011)) < 1e-3


def test_pixels_that_allow_everything_say_nothing() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = losses.partial_label_loss(logits, torch.full((1, 4, 4), 0b111))
    loss.backward()
    assert loss == 0
    assert logits.grad is not None and not logits.grad.any()


def test_dice_weighs_a_rare_class_as_much_as_a_common_one() -> None:
    allowed = torch.ones(1, 8, 8, dtype=torch.int32)
    allowed[0, 0, 0] = 2
    all_background = torch.zeros(1, 2, 8, 8)
    all_background[:, 0] = 20
    assert losses.class_dice_loss(all_background, allowed) == pytest.approx(0.5, abs=0.01)

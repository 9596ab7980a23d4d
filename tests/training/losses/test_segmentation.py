import math

import pytest
import torch

from training.losses import segmentation as losses


def may_be(*classes: int, size: int = 1) -> torch.Tensor:
    """Each pixel of a square allows these of three classes."""
    allowed = torch.zeros(1, 3, size, size, dtype=torch.bool)
    allowed[:, list(classes)] = True
    return allowed


def test_for_one_allowed_class_it_is_cross_entropy() -> None:
    logits = torch.tensor([2.0, 0.0, -1.0]).view(1, 3, 1, 1)
    expected = -math.log(math.exp(0) / (math.exp(2) + 1 + math.exp(-1)))
    loss = losses.partial_label_loss(logits, may_be(1))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_probability_may_be_anywhere_among_the_allowed_classes() -> None:
    logits = torch.tensor([9.0, 9.0, -9.0]).view(1, 3, 1, 1)
    assert losses.partial_label_loss(logits, may_be(0, 1)) < 1e-3


def test_pixels_that_allow_everything_say_nothing() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = losses.partial_label_loss(logits, may_be(0, 1, 2, size=4))
    loss.backward()
    assert loss == 0
    assert logits.grad is not None and not logits.grad.any()


def test_dice_weighs_a_rare_class_as_much_as_a_common_one() -> None:
    allowed = torch.zeros(1, 2, 8, 8, dtype=torch.bool)
    allowed[:, 0] = True
    allowed[0, :, 0, 0] = torch.tensor([False, True])
    all_background = torch.zeros(1, 2, 8, 8)
    all_background[:, 0] = 20
    assert losses.class_dice_loss(all_background, allowed) == pytest.approx(0.5, abs=0.01)


def test_dice_of_frames_without_a_known_pixel_is_zero() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    assert losses.class_dice_loss(logits, may_be(0, 1, 2, size=4)) == 0

from typing import Any

import pytest
import torch

from training.config import LossWeights
from training.losses import joint_loss
from training.losses.teacher import Taught
from training.model.decoders import spread_cells
from training.model.learner import Outputs

Frames = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def outputs() -> Outputs:
    generator = torch.Generator().manual_seed(0)
    cells = torch.randn(4, 36, 16, 16, generator=generator)
    features = [torch.randn(4, 8, 4, 4, generator=generator), torch.randn(4, 8, 2, 2, generator=generator)]
    return Outputs(torch.zeros(4, 1, 64, 64), cells, [], features)


def one_class(index: torch.Tensor) -> torch.Tensor:
    """What a pixel of this class (N, h, w) allows, (N, 9, h, w)."""
    return torch.nn.functional.one_hot(index, 9).permute(0, 3, 1, 2) > 0


def frames() -> Frames:
    generator = torch.Generator().manual_seed(1)
    rgb, ir = torch.rand(4, 3, 64, 64, generator=generator), torch.rand(4, 1, 64, 64, generator=generator)
    return rgb, ir, one_class(torch.zeros(4, 32, 32).long())


def agreeing(own: Outputs) -> Taught:
    """What a teacher would say who says what `own` says."""
    assert own.cells is not None
    return Taught(own.change, spread_cells(own.cells).softmax(1), tuple(own.features))


def test_terms_are_weighted_and_absent_ones_are_not_computed() -> None:
    own = outputs()._replace(features=[])
    single = joint_loss(own, *frames(), LossWeights(intensity=1.0, dice=1.0))
    double = joint_loss(own, *frames(), LossWeights(intensity=2.0, dice=0.0))
    assert set(single) == {"intensity", "dice"} and set(double) == {"intensity"}
    assert double["intensity"] == 2 * single["intensity"]


def test_every_logit_is_judged_by_its_own_pixels() -> None:
    rgb, ir, _ = frames()
    person = torch.zeros(4, 64, 64, dtype=torch.bool)
    person[:, 16:32, 16:32] = True
    eye = torch.eye(9)
    # Cells that are right where nothing is shifted.
    is_person = person[:, None, ::4, ::4].float()
    person_logits, background_logits = (eye[index].repeat_interleave(4).view(36, 1, 1) for index in (2, 0))
    cells = is_person * person_logits * 4 + background_logits * 2

    def likelihood(shift: int) -> float:
        shifted = person.roll((shift, shift), (1, 2))
        allowed = one_class(2 * shifted[:, ::2, ::2].long())
        own = outputs()._replace(cells=cells)
        return joint_loss(own, rgb, ir, allowed, LossWeights(likelihood=1.0))["likelihood"].item()

    assert likelihood(2) == pytest.approx(likelihood(-2))
    assert likelihood(0) < likelihood(2)


def test_a_network_without_segmentation_has_fusion_terms_only() -> None:
    own = Outputs(outputs().change, None, [], [])
    terms = joint_loss(own, *frames(), LossWeights(intensity=1.0, likelihood=1.0))
    assert set(terms) == {"intensity"}


def test_what_a_teacher_says_is_three_terms_of_their_own() -> None:
    own = outputs()
    weights = LossWeights(distillation=2.0, features=1.0, imitation=4.0)
    agreed = joint_loss(own, *frames(), weights, agreeing(own))
    assert set(agreed) == {"distillation", "features", "imitation"}
    assert [one.item() for one in agreed.values()] == pytest.approx([0, 0, 0], abs=1e-5)
    change, probabilities, features = agreeing(own)
    other = Taught(change + 0.5, probabilities.flip(1), tuple(-one for one in features))
    refused = joint_loss(own, *frames(), weights, other)
    assert refused["imitation"] == pytest.approx(4 * 0.5)
    assert min(refused.values()) > 0.1


def test_a_teacher_is_heard_apart_where_infrared_shows_a_person_whom_smoke_hides() -> None:
    person = (..., slice(24, 40), slice(28, 36))
    own = outputs()._replace(features=[])
    rgb, ir = torch.full((4, 3, 64, 64), 0.65), torch.full((4, 1, 64, 64), 0.2)
    ir[person] = 0.6

    def revealing(where: tuple[Any, ...]) -> float:
        change = own.change.clone()
        change[where] += 0.3
        taught = agreeing(own)._replace(change=change)
        (term,) = joint_loss(own, rgb, ir, frames()[2], LossWeights(revealing=2.0), taught).values()
        return term.item()

    assert revealing(person) > 0.1
    assert revealing((..., slice(0, 8))) == 0
    ir[:] = 0.2
    assert revealing(person) == 0


def test_without_a_teacher_nothing_is_compared_with_one() -> None:
    weights = LossWeights(dice=1.0, distillation=1.0, features=1.0, imitation=1.0, revealing=1.0)
    assert set(joint_loss(outputs(), *frames(), weights)) == {"dice"}


def test_inner_maps_are_judged_by_the_classes_at_their_centres() -> None:
    rgb, ir, _ = frames()
    allowed = one_class(torch.cat((torch.zeros(4, 32, 16), torch.full((4, 32, 16), 2.0)), 2).long())
    right = torch.zeros(4, 9, 8, 8)
    right[:, 0, :, :4] = right[:, 2, :, 4:] = 20
    weights = LossWeights(likelihood=2.0, auxiliary=0.5)

    def auxiliary(*inner: torch.Tensor) -> float:
        own = outputs()._replace(inner=list(inner))
        return joint_loss(own, rgb, ir, allowed, weights)["auxiliary"].item()

    assert auxiliary(right) == pytest.approx(0, abs=1e-4)
    # Every pixel is 20 logits away; weighted 2 by likelihood and 0.5 by auxiliary.
    assert auxiliary(right.flip(3)) == pytest.approx(20, rel=1e-3)
    assert auxiliary(right.flip(3), right) == pytest.approx(20, rel=1e-3)


def test_without_inner_maps_there_is_no_auxiliary_term() -> None:
    assert set(joint_loss(outputs(), *frames(), LossWeights(dice=1.0, auxiliary=0.5))) == {"dice"}

import pytest
import torch
import torch.nn.functional as F

from training.config import LossWeights
from training.losses import joint_loss
from training.model.decoders import spread_cells

Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def outputs() -> Outputs:
    generator = torch.Generator().manual_seed(0)
    change = torch.zeros(4, 1, 64, 64)
    cells = torch.randn(4, 16, 16, 9, 16, generator=generator)
    rgb, ir = torch.rand(4, 3, 64, 64, generator=generator), torch.rand(4, 1, 64, 64, generator=generator)
    return change, cells, rgb, ir, torch.ones(4, 64, 64, dtype=torch.int32)


def test_terms_are_weighted_and_absent_ones_are_not_computed() -> None:
    single = joint_loss(*outputs(), LossWeights(intensity=1.0, dice=1.0))
    double = joint_loss(*outputs(), LossWeights(intensity=2.0, dice=0.0))
    assert set(single) == {"intensity", "dice"} and set(double) == {"intensity"}
    assert double["intensity"] == 2 * single["intensity"]


def test_every_logit_is_judged_by_its_own_pixel() -> None:
    change, _, rgb, ir, _ = outputs()
    person = torch.zeros(4, 64, 64, dtype=torch.bool)
    person[:, 16:32, 16:32] = True

    def likelihood(shift: int) -> float:
        shifted = person.roll((shift, shift), (1, 2))
        allowed = torch.where(shifted, 1 << 2, 1).to(torch.int32)
        # Logits, in cells, that are right where nothing is shifted.
        logits = person[:, None] * torch.eye(9)[2].view(1, 9, 1, 1) * 4 + torch.eye(9)[0].view(1, 9, 1, 1) * 2
        cells = F.pixel_unshuffle(logits, 4).view(4, 9, 16, 16, 16).permute(0, 3, 4, 1, 2)
        return joint_loss(change, cells, rgb, ir, allowed, LossWeights(likelihood=1.0))["likelihood"].item()

    assert likelihood(1) == pytest.approx(likelihood(-1))
    assert likelihood(0) < likelihood(1)


def test_a_network_without_segmentation_has_fusion_terms_only() -> None:
    change, _, rgb, ir, allowed = outputs()
    terms = joint_loss(change, None, rgb, ir, allowed, LossWeights(intensity=1.0, likelihood=1.0))
    assert set(terms) == {"intensity"}


def test_what_teachers_say_is_a_term_of_its_own() -> None:
    change, cells, rgb, ir, allowed = outputs()
    taught = spread_cells(cells).softmax(1)
    weights = LossWeights(likelihood=1.0, distillation=2.0)
    agreed = joint_loss(change, cells, rgb, ir, allowed, weights, taught=taught)["distillation"]
    refused = joint_loss(change, cells, rgb, ir, allowed, weights, taught=taught.flip(1))["distillation"]
    assert agreed == pytest.approx(0, abs=1e-5) and refused > 0.1


def test_inner_maps_are_judged_by_the_classes_at_their_centres() -> None:
    change, cells, rgb, ir, allowed = outputs()
    allowed[:, :, 32:] = 1 << 2
    right = torch.zeros(4, 9, 8, 8)
    right[:, 0, :, :4] = right[:, 2, :, 4:] = 20
    weights = LossWeights(likelihood=2.0, auxiliary=0.5)
    good = joint_loss(change, cells, rgb, ir, allowed, weights, [right])["auxiliary"]
    bad = joint_loss(change, cells, rgb, ir, allowed, weights, [right.flip(3)])["auxiliary"]
    assert good == pytest.approx(0, abs=1e-4)
    # Every pixel is 20 logits away; weighted 2 by likelihood and 0.5 by auxiliary.
    assert bad == pytest.approx(20, rel=1e-3)
    both = joint_loss(change, cells, rgb, ir, allowed, weights, [right.flip(3), right])["auxiliary"]
    assert both == pytest.approx(20, rel=1e-3)


def test_without_inner_maps_there_is_no_auxiliary_term() -> None:
    assert set(joint_loss(*outputs(), LossWeights(dice=1.0, auxiliary=0.5))) == {"dice"}

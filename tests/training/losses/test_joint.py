import pytest
import torch

from training.losses import joint_loss

Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def outputs() -> Outputs:
    generator = torch.Generator().manual_seed(0)
    change = torch.zeros(4, 1, 64, 64)
    cells = torch.randn(4, 9, 4, 16, 16, generator=generator)
    rgb, ir = torch.rand(4, 3, 64, 64, generator=generator), torch.rand(4, 1, 64, 64, generator=generator)
    return change, cells, rgb, ir, torch.ones(4, 64, 64, dtype=torch.int32)


def test_terms_are_weighted_and_absent_ones_are_not_computed() -> None:
    single = joint_loss(*outputs(), {"intensity": 1.0, "dice": 1.0})
    double = joint_loss(*outputs(), {"intensity": 2.0, "dice": 0.0})
    assert set(single) == {"intensity", "dice"} and set(double) == {"intensity"}
    assert double["intensity"] == 2 * single["intensity"]


def test_a_network_without_segmentation_has_fusion_terms_only() -> None:
    change, _, rgb, ir, allowed = outputs()
    terms = joint_loss(change, None, rgb, ir, allowed, {"intensity": 1.0, "likelihood": 1.0})
    assert set(terms) == {"intensity"}


def test_an_unknown_term_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"\['sharpness'\].*intensity"):
        joint_loss(*outputs(), {"sharpness": 1.0})

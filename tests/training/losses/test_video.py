import pytest
import torch
import torch.nn.functional as F

from training.losses.video import neighbours, steadiness_loss
from training.model.luma import luma_of


def frames() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 32, 48, generator=generator), torch.rand(2, 1, 32, 48, generator=generator)


def brighter(rgb: torch.Tensor, ir: torch.Tensor) -> torch.Tensor:
    return F.relu(ir - luma_of(rgb))


def test_a_neighbour_is_the_same_scene_a_pixel_further_with_new_noise() -> None:
    torch.manual_seed(0)
    rgb, ir = frames()
    for _ in range(8):
        later_rgb, later_ir = neighbours(rgb, ir)
        assert later_rgb.min() >= 0 and later_rgb.max() <= 1
        off = {
            (rows, columns): [
                (later - torch.roll(before, (rows, columns), (2, 3))).abs().mean().item()
                for before, later in ((rgb, later_rgb), (ir, later_ir))
            ]
            for rows in (-1, 0, 1)
            for columns in (-1, 0, 1)
        }
        least = min(off.values(), key=sum)
        assert 0 < max(least) < 0.01  # both cameras move alike
        assert sorted(map(sum, off.values()))[1] > 0.1


def test_the_plain_maximum_is_steady() -> None:
    torch.manual_seed(0)
    rgb, ir = frames()
    later = neighbours(rgb, ir)
    loss = steadiness_loss(brighter(rgb, ir), brighter(*later), (rgb, ir, *later))
    assert loss.item() == pytest.approx(0, abs=1e-5)


def test_a_change_that_flips_its_sign_is_not() -> None:
    rgb, ir = torch.full((1, 3, 32, 32), 0.5), torch.full((1, 1, 32, 32), 0.4)
    still = (rgb, ir, rgb, ir)
    change = torch.full_like(ir, 0.1).requires_grad_()
    loss = steadiness_loss(change, -change, still)
    assert loss.item() == pytest.approx(0.2 * 255 - 1, rel=1e-3)
    loss.backward()
    assert change.grad is not None and (change.grad > 0).all()  # a smaller change flickers less
    assert steadiness_loss(change, change, still) == 0

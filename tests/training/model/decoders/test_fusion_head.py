import pytest
import torch

from training.model.decoders.fusion_head import FusionHead
from training.model.luma import luma_of


def frames(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, 32, 48, generator=generator), torch.rand(1, 1, 32, 48, generator=generator)


def maps() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, 8, 8, 12, generator=generator), torch.randn(1, 6, 8, 12, generator=generator)


def test_untrained_it_gives_the_brighter_of_both_frames() -> None:
    rgb, ir = frames()
    change = FusionHead(8, 6)(*maps(), rgb, ir)
    assert change.shape == ir.shape
    torch.testing.assert_close(luma_of(rgb) + change, torch.maximum(luma_of(rgb), ir), rtol=0, atol=1 / 255)


@pytest.mark.parametrize(("layer", "where_infrared_is_darker"), [("share", False), ("correction", True)])
def test_share_and_correction_belong_to_their_own_pixel(layer: str, where_infrared_is_darker: bool) -> None:
    head, (rgb, ir) = FusionHead(8, 6), frames()
    before = head(*maps(), rgb, ir)
    with torch.no_grad():
        head.get_parameter(f"{layer}.bias")[5] += 0.5  # row 1, column 1 of every cell
    moved = head(*maps(), rgb, ir) != before
    expected = torch.zeros_like(moved)
    expected[..., 1::4, 1::4] = True
    assert torch.equal(moved, expected if where_infrared_is_darker else expected & (ir > luma_of(rgb)))


def test_single_pixels_are_corrected_by_the_fine_features() -> None:
    head, (rgb, ir) = FusionHead(8, 6), frames()
    merged, fine = maps()
    torch.nn.init.normal_(head.detail.weight)
    with torch.no_grad():
        assert not torch.equal(head(merged, fine, rgb, ir), head(merged, torch.zeros_like(fine), rgb, ir))


def test_no_rounding_inside_the_network_shows_in_the_image() -> None:
    head, (rgb, ir) = FusionHead(8, 6), frames()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = head(*maps(), rgb, ir)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, head(*maps(), rgb, ir), rtol=0, atol=1e-6)

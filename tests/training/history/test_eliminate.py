import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from training.history.eliminate import eliminate


def mixed(count: int, channels: int, loudness: float) -> Tensor:
    """Return maps (8, channels, 12, 16): `count` free channels, the others mixtures of them and of noise."""
    generator = torch.Generator().manual_seed(0)
    free = torch.randn(8, count, 12, 16, generator=generator)
    mixture = torch.randn(channels - count, count, generator=generator)
    noise = loudness * torch.randn(8, channels - count, 12, 16, generator=generator)
    return torch.cat((free, torch.einsum("oc,nchw->nohw", mixture, free) + 0.5 + noise), 1)


def gram_of(maps: Tensor, size: int) -> Tensor:
    patches = F.unfold(maps, size, padding=size // 2).transpose(1, 2).flatten(0, 1).double()
    seen = torch.cat((patches, patches.new_ones(len(patches), 1)), 1)
    return seen.T @ seen


def kernel_of(channels: int, size: int) -> Tensor:
    return torch.randn(5, channels, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [1, 3])
def test_channels_that_others_already_tell_go_and_the_output_stays(size: int) -> None:
    # Padding says nothing of the mixtures' offset, so that the edge is left out.
    maps, kernel, inner = mixed(6, 10, 0.0), kernel_of(10, size), slice(1, -1)
    whole = F.unfold(maps, size).transpose(1, 2).flatten(0, 1).double()
    seen = torch.cat((whole, whole.new_ones(len(whole), 1)), 1)
    kept = eliminate(seen.T @ seen, kernel, 1e-6, 1)
    assert kept is not None and len(kept.channels) == 6
    before = F.conv2d(maps, kernel, padding=size // 2)[..., inner, inner]
    after = F.conv2d(maps[:, kept.channels], kept.kernel, kept.bias, padding=size // 2)[..., inner, inner]
    torch.testing.assert_close(after, before, rtol=0, atol=2e-2)


def test_nothing_goes_where_every_channel_counts() -> None:
    maps = mixed(8, 8, 0.0)
    assert eliminate(gram_of(maps, 1), kernel_of(8, 1), 1e-3, 1) is None


def test_the_number_that_stays_is_a_multiple() -> None:
    maps = mixed(6, 16, 0.0)
    kept = eliminate(gram_of(maps, 1), kernel_of(16, 1), 1e-6, 4)
    assert kept is not None and len(kept.channels) == 8


@pytest.mark.parametrize("size", [1, 3])
def test_the_loss_told_is_the_share_of_the_variance_that_is_lost(size: int) -> None:
    maps, kernel = mixed(6, 16, 0.6), kernel_of(16, size)
    kept = eliminate(gram_of(maps, size), kernel, 0.05, 1)
    assert kept is not None and 0.001 < kept.loss <= 0.05
    before = F.conv2d(maps, kernel, padding=size // 2)
    after = F.conv2d(maps[:, kept.channels], kept.kernel, kept.bias, padding=size // 2)
    means = before.mean((0, 2, 3), keepdim=True)
    lost = (after - before).square().sum() / (before - means).square().sum()
    assert float(lost) == pytest.approx(kept.loss, rel=1e-2)

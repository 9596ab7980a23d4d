import pytest
import torch

from tests.training import tiny
from training.model.cost import count_macs, count_parameters
from training.model.encoders.patch import PatchEncoder


@pytest.mark.parametrize(("batch", "size"), [(1, (32, 32)), (2, (64, 96))])
def test_features_lie_at_the_strides_4_to_32(batch: int, size: tuple[int, int]) -> None:
    encoder = PatchEncoder().eval()
    with torch.no_grad():
        features = encoder(torch.rand(batch, 3, *size), torch.rand(batch, 1, *size))
    shapes = [tuple(one.shape) for one in features]
    strides = (4, 8, 16, 32)
    assert shapes == [
        (batch, width, size[0] // stride, size[1] // stride)
        for width, stride in zip(encoder.channels, strides, strict=True)
    ]


@pytest.mark.parametrize("camera", [0, 1])
def test_both_cameras_reach_every_feature(camera: int) -> None:
    torch.manual_seed(0)
    encoder = PatchEncoder().eval()
    frames = [torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)]
    with torch.no_grad():
        before = encoder(*frames)
        frames[camera] = 1 - frames[camera]
        after = encoder(*frames)
    assert not any(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_the_network_on_it_is_small() -> None:
    network = tiny.network("patch")
    assert count_parameters(network) < 3e6
    assert count_macs(network, (480, 640)) < 3e9

from pathlib import Path

import pytest
import torch

from tests.training import tiny
from training.config import read_stages
from training.model import build_model
from training.model.checkpoint import load_weights
from training.model.cost import count_macs, count_parameters
from training.model.encoders.lite0 import Lite0Encoder
from training.model.encoders.patch import PatchEncoder


@pytest.mark.parametrize(("batch", "size"), [(1, (32, 32)), (2, (64, 96))])
def test_features_lie_at_the_strides_4_to_32(batch: int, size: tuple[int, int]) -> None:
    encoder = PatchEncoder(pretrained=False).eval()
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
    encoder = PatchEncoder(pretrained=False).eval()
    frames = [torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)]
    with torch.no_grad():
        before = encoder(*frames)
        frames[camera] = 1 - frames[camera]
        after = encoder(*frames)
    assert not any(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_its_blocks_start_as_those_of_the_published_network() -> None:
    own, published = PatchEncoder(pretrained=True), Lite0Encoder(pretrained=True)
    for index, block in own.blocks.items():
        theirs = published.blocks[int(index)].state_dict()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in block.state_dict().items())


def test_the_shipped_widths_take_the_blocks_of_the_recipes_first_weights() -> None:
    first = next(iter(read_stages(Path("training/configs/mtvif.yaml")).values()))
    assert first.initial is not None
    network = build_model(first.model)
    others = load_weights(network, first.initial)
    taken = network.state_dict().keys() - set(others)
    assert taken == {name for name in network.state_dict() if name.startswith("encoder.blocks.")}


def test_the_network_on_it_is_small() -> None:
    network = tiny.network("patch")
    assert count_parameters(network) < 3e6
    assert count_macs(network, (480, 640)) < 3e9

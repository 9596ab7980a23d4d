import pytest
import torch

from tests.training import tiny
from training.model.deep_supervision import DeepSupervision


def frames() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 64, 96, generator=generator), torch.rand(2, 1, 64, 96, generator=generator)


def learner(decoder: str, deep: bool = True) -> DeepSupervision:
    torch.manual_seed(0)
    network = tiny.network("lite0", decoder=decoder)
    return DeepSupervision(network, deep).eval()


@pytest.mark.parametrize("decoder", ["multitask", "cascade"])
def test_every_map_of_the_segmentation_pyramid_gets_logits(decoder: str) -> None:
    _, _, inner = learner(decoder)(*frames())
    assert [tuple(one.shape) for one in inner] == [
        (2, 9, 2, 3),
        (2, 9, 4, 6),
        (2, 9, 8, 12),
        (2, 9, 16, 24),
    ]


@pytest.mark.parametrize("decoder", ["multitask", "cascade"])
def test_the_outputs_are_those_of_the_network_alone(decoder: str) -> None:
    deep = learner(decoder)
    change, cells, _ = deep(*frames())
    alone_change, alone_cells = deep.network(*frames())
    assert torch.equal(change, alone_change)
    assert cells is not None and torch.equal(cells, alone_cells)


@pytest.mark.parametrize(("decoder", "deep"), [("fusion", True), ("multitask", False)])
def test_nothing_is_judged_where_nothing_is_segmented_or_asked_for(decoder: str, deep: bool) -> None:
    unsupervised = learner(decoder, deep)
    assert not list(unsupervised.judges.parameters())
    assert unsupervised(*frames())[2] == []


def taught_by(deep: DeepSupervision) -> set[str]:
    """The parts of the decoder and the encoder that the inner logits' loss moves."""
    _, _, inner = deep(*frames())
    torch.stack([(one - 1).square().sum() for one in inner]).sum().backward()
    weights = deep.network.named_parameters()
    return {
        name.split(".")[1] for name, weight in weights if weight.grad is not None and weight.grad.abs().max()
    }


def test_what_the_inner_maps_say_teaches_the_encoder_and_the_pyramid_alone() -> None:
    deep = learner("multitask")
    for weight in deep.judges.parameters():
        torch.nn.init.ones_(weight)
    assert taught_by(deep) == {"stem", "joins", "blocks", "segmentation_pyramid"}


def test_judges_know_something_before_they_ask_anything_of_the_network() -> None:
    deep = learner("multitask")
    assert not taught_by(deep)
    assert all(weight.grad is not None and weight.grad.any() for weight in deep.judges.parameters())

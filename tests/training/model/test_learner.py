import pytest
import torch

from tests.training import tiny
from training.model.learner import TAUGHT, Learner, Outputs

ENCODER = {"encoder.cells", "encoder.down", "encoder.blocks"}


def frames() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 64, 96, generator=generator), torch.rand(2, 1, 64, 96, generator=generator)


def learner(decoder: str = "multitask", deep: bool = True, taught: bool = False) -> Learner:
    torch.manual_seed(0)
    return Learner(tiny.network("patch", decoder=decoder), deep, taught).eval()


@pytest.mark.parametrize("decoder", ["multitask", "cascade"])
def test_every_map_of_the_segmentation_pyramid_gets_logits(decoder: str) -> None:
    outputs: Outputs = learner(decoder)(*frames())
    assert [tuple(one.shape) for one in outputs.inner] == [
        (2, 9, 2, 3),
        (2, 9, 4, 6),
        (2, 9, 8, 12),
        (2, 9, 16, 24),
    ]


@pytest.mark.parametrize("encoder", ["patch", "plain", "lite0"])
def test_features_have_the_teachers_channels_at_its_strides(encoder: str) -> None:
    outputs: Outputs = Learner(tiny.network(encoder), deep=False, taught=True).eval()(*frames())
    expected = [(2, channels, 64 // stride, 96 // stride) for stride, channels in TAUGHT.items()]
    assert [tuple(one.shape) for one in outputs.features] == expected


@pytest.mark.parametrize("decoder", ["multitask", "cascade", "fusion"])
def test_the_outputs_are_those_of_the_network_alone(decoder: str) -> None:
    wrapped = learner(decoder, deep=True, taught=True)
    change, cells, *_ = wrapped(*frames())
    alone_change, alone_cells = wrapped.network(*frames())
    assert torch.equal(change, alone_change)
    assert (cells is None) == (alone_cells is None)
    assert cells is None or torch.equal(cells, alone_cells)


@pytest.mark.parametrize(("decoder", "deep"), [("fusion", True), ("multitask", False)])
def test_nothing_is_judged_where_nothing_is_segmented_or_asked_for(decoder: str, deep: bool) -> None:
    unsupervised = learner(decoder, deep)
    assert not list(unsupervised.judges.parameters())
    assert unsupervised(*frames()).inner == []


@pytest.mark.parametrize(("decoder", "taught"), [("cascade", True), ("multitask", False)])
def test_nothing_is_projected_for_two_encoders_or_unasked(decoder: str, taught: bool) -> None:
    untaught = learner(decoder, taught=taught)
    assert not list(untaught.projections.parameters())
    assert untaught(*frames()).features == []


def test_features_that_have_the_teachers_channels_already_are_compared_as_they_are() -> None:
    assert not list(learner(taught=True).projections.parameters())
    other = Learner(tiny.network("plain"), deep=False, taught=True)
    assert len(list(other.projections.parameters())) == 2 * len(TAUGHT)


def moved_by(own: Learner, maps: list[torch.Tensor]) -> set[str]:
    """The parts of the network that learn from these maps."""
    torch.stack([(one - 1).square().sum() for one in maps]).sum().backward()
    weights = own.network.named_parameters()
    moved = [name for name, weight in weights if weight.grad is not None and weight.grad.abs().max()]
    return {".".join(name.split(".")[:2]) for name in moved}


def test_what_the_inner_maps_say_teaches_the_encoder_and_the_pyramid_alone() -> None:
    deep = learner()
    for weight in deep.judges.parameters():
        torch.nn.init.ones_(weight)
    assert moved_by(deep, deep(*frames()).inner) == {*ENCODER, "decoder.pyramid"}


def test_judges_know_something_before_they_ask_anything_of_the_network() -> None:
    deep = learner()
    assert not moved_by(deep, deep(*frames()).inner)
    assert all(weight.grad is not None and weight.grad.any() for weight in deep.judges.parameters())


def test_features_teach_the_encoder_alone() -> None:
    taught = learner(taught=True)
    assert moved_by(taught, taught(*frames()).features) == ENCODER

import pytest

from tests.training import tiny
from training.loop.optimiser import parameter_groups
from training.model.deep_supervision import DeepSupervision


def learner() -> DeepSupervision:
    return DeepSupervision(tiny.network("lite0"), deep=True)


def test_every_parameter_learns_once_and_parts_at_their_share() -> None:
    deep = learner()
    rates = {"encoder.blocks": 0.25, "encoder": 0.5}
    groups = parameter_groups(deep, 0.02, rates)
    share = {id(one): group["share"] for group in groups for one in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(share) == len(list(deep.parameters()))
    for name, parameter in deep.named_parameters():
        expected = 1.0
        if name.startswith("network.encoder.blocks."):
            expected = 0.25
        elif name.startswith("network.encoder."):
            expected = 0.5
        assert share[id(parameter)] == expected, name


def test_vectors_do_not_decay() -> None:
    for group in parameter_groups(learner(), 0.02, {}):
        assert {parameter.ndim > 1 for parameter in group["params"]} == {group["weight_decay"] == 0.02}


def test_a_name_is_a_part_not_the_beginning_of_one() -> None:
    groups = parameter_groups(learner(), 0.0, {"encoder.blocks.1": 0.1})
    slow = sum(len(group["params"]) for group in groups if group["share"] == 0.1)
    block = learner().network.get_submodule("encoder.blocks.1")
    assert slow == len(list(block.parameters()))


def test_a_part_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"train.rates: 'encoder.stages' is no part"):
        parameter_groups(learner(), 0.0, {"encoder.stages": 0.1})

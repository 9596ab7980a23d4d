from dataclasses import replace

import pytest
import torch

from tests.training import tiny
from training.config import Config, LossWeights
from training.data.canvases import Canvases
from training.loop.distributed import joined_processes
from training.loop.state import State, begin
from training.loop.step import Step
from training.losses.teacher import Taught

CPU = torch.device("cpu")


def batch(taught: tiny.Taught) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Taught]:
    views = Canvases(taught.canvases, (64, 64), seed=1, length=2)
    (rgb, ir, allowed, said), (other_rgb, other_ir, other_allowed, other) = views[0], views[1]
    change, probabilities = torch.stack((said.change, other.change)), said.probabilities
    features = tuple(torch.stack(both) for both in zip(said.features, other.features, strict=True))
    return (
        torch.stack((rgb, other_rgb)),
        torch.stack((ir, other_ir)),
        torch.stack((allowed, other_allowed)),
        Taught(change, torch.stack((probabilities, other.probabilities)), features),
    )


def started(config: Config) -> tuple[Step, State]:
    state = begin(config, CPU)
    return Step(config, state, shared=False), state


def test_a_step_gives_the_terms_that_have_a_weight_and_changes_all_that_learns(taught: tiny.Taught) -> None:
    take_step, state = started(taught.config)
    before = {name: one.detach().clone() for name, one in state.learner.named_parameters()}
    terms = take_step(*batch(taught))
    assert set(terms) == {"distillation", "features", "imitation", "steadiness"}
    assert state.step == 1
    same = {name for name, one in state.learner.named_parameters() if torch.equal(one, before[name])}
    assert same == set()


def test_neighbouring_frames_change_no_other_term(taught: tiny.Taught) -> None:
    """In evaluation, that is: in training they take part in the statistics of batch norms."""
    terms = []
    for steadiness in (0.0, 1.0):
        config = replace(taught.config, loss=LossWeights(imitation=1.0, steadiness=steadiness))
        take_step, state = started(config)
        state.learner.eval()
        terms.append(take_step(*batch(taught)))
    torch.testing.assert_close(terms[0]["imitation"], terms[1]["imitation"])
    assert terms[0].keys() ^ terms[1].keys() == {"steadiness"}


def test_steps_bring_a_network_closer_to_its_teacher(taught: tiny.Taught) -> None:
    settings = replace(taught.config.train, steps=100, warmup_steps=0)
    take_step, _ = started(replace(taught.config, train=settings))
    first, *_, last = (take_step(*batch(taught)) for _ in range(12))
    for name in ("distillation", "features", "imitation"):
        assert last[name] < first[name], name


def test_a_change_that_flickers_costs_by_its_weight() -> None:
    rgb, ir = torch.full((4, 3, 64, 64), 0.5), torch.full((4, 1, 64, 64), 0.51)
    steadiness = []
    for weight in (1.0, 3.0):
        config = replace(tiny.config(tiny.settings("patch")), loss=LossWeights(steadiness=weight))
        take_step, state = started(config)
        # Ten times the excess of infrared is ten times its noise.
        torch.nn.init.constant_(state.network.get_parameter("decoder.fusion.share.bias"), 10.0)
        torch.manual_seed(0)
        terms = take_step(rgb, ir, torch.ones(4, 64, 64, dtype=torch.int32))
        steadiness.append(terms["steadiness"].item())
    assert steadiness[0] > 1
    assert steadiness[1] == pytest.approx(3 * steadiness[0], rel=1e-3)


def learning(config: Config, device: torch.device, shared: bool, taught: tiny.Taught) -> set[str]:
    """Return the names of the parameters that two steps change."""
    state = begin(config, device)
    before = {name: one.detach().clone() for name, one in state.learner.named_parameters()}
    take_step = Step(config, state, shared)
    for _ in range(2):
        take_step(*batch(taught))
    return {name for name, one in state.learner.named_parameters() if not torch.equal(one, before[name])}


@pytest.mark.usefixtures("torchrun_alone")
@pytest.mark.parametrize(
    ("decoder", "weights"),
    [
        ("multitask", LossWeights(intensity=1.0)),
        ("multitask", LossWeights(dice=1.0, auxiliary=1.0)),
        ("multitask", LossWeights(features=1.0)),
        ("cascade", LossWeights(imitation=1.0)),
        ("cascade", LossWeights(distillation=1.0)),
        ("fusion", LossWeights(steadiness=1.0)),
        ("fusion", LossWeights(features=1.0)),
    ],
)
def test_with_several_processes_the_same_parts_learn_though_some_have_no_loss(
    taught: tiny.Taught, decoder: str, weights: LossWeights
) -> None:
    config = replace(taught.config, loss=weights, model=tiny.settings("patch", decoder=decoder))
    with joined_processes() as process:
        alone, together = (learning(config, process.device, shared, taught) for shared in (False, True))
    assert alone and together == alone

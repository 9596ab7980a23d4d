from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training import tiny
from training.config import Config, LossWeights
from training.loop.state import begin

CPU = torch.device("cpu")
NAMES = ("background", "person", "car")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of three classes."""
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    begin(of_classes(*NAMES), CPU).save(path, of_classes(*NAMES))
    return path


def of_classes(*names: str) -> Config:
    return replace(tiny.config(), classes=dict.fromkeys(names))


def with_rates(**rates: float) -> Config:
    made = of_classes(*NAMES)
    return replace(made, train=replace(made.train, rates=rates))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (of_classes("background", "car", "person"), "classes was {}, now background, car, person"),
        (of_classes(*NAMES, "dog"), "classes was {}, now background, person, car, dog"),
        (
            replace(of_classes(*NAMES), model=tiny.settings("patch", decoder="fusion")),
            "model.encoder was plain, now patch; model.decoder was multitask, now fusion",
        ),
        (
            replace(of_classes(*NAMES), model=tiny.settings("patch", hidden={"blocks.5": 8})),
            "model.encoder was plain, now patch; model.hidden was none, now blocks.5 8",
        ),
        (with_rates(encoder=0.5), "train.rates was none, now encoder 0.5"),
        (
            replace(of_classes(*NAMES), loss=LossWeights(dice=1.0, auxiliary=0.5)),
            "loss.auxiliary was off, now on",
        ),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused_and_what_differs_is_named(
    kept: Path, changed: Config, told: str
) -> None:
    with pytest.raises(ValueError) as refused:
        begin(changed, CPU, kept)
    assert str(refused.value) == (
        f"{kept}: cannot go on with other settings: {told.format(', '.join(NAMES))}; set them back, or "
        f"choose another --out, perhaps with initial: {kept.parent} to start from its weights"
    )


def test_colours_may_change_on_the_way(kept: Path) -> None:
    recoloured = replace(tiny.config(), classes=dict.fromkeys(NAMES, "#102030"))
    assert begin(recoloured, CPU, kept).network.classes[1].rgb == (16, 32, 48)


def test_the_weight_decay_may_change_on_the_way(kept: Path) -> None:
    changed = of_classes(*NAMES)
    changed = replace(changed, train=replace(changed.train, weight_decay=0.5))
    groups = [
        group
        for part in begin(changed, CPU, kept).optimiser.state_dict().values()
        for group in part["param_groups"]
    ]
    assert {group["weight_decay"] for group in groups} == {0.0, 0.5}

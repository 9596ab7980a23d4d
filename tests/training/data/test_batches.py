from dataclasses import replace
from pathlib import Path

import torch

from tests.training import tiny
from tests.training.tiny import Taught
from training.data.batches import in_batches, training_samples

NUMBERS = [[0, 2], [1, 3]]


def test_batches_hold_the_samples_that_are_asked_for() -> None:
    config = tiny.config(steps=2)
    samples = training_samples(config, Path(), Path())
    first, second = in_batches(samples, NUMBERS, 0, False)
    again, _ = in_batches(samples, [[3, 2], [0, 1]], 0, False)
    rgb, ir, allowed = first
    assert rgb.shape == (2, 3, 64, 64) and ir.shape == (2, 1, 64, 64) and allowed.shape == (2, 9, 32, 32)
    for one, two, three in zip(first, second, again, strict=True):
        assert torch.equal(three, torch.stack((two[1], one[1])))


def test_what_a_teacher_says_comes_with_them(taught: Taught) -> None:
    config = replace(taught.config, train=replace(taught.config.train, steps=2))
    samples = training_samples(config, Path("/nowhere"), taught.canvases)
    for loaders in (0, 1):
        *_, batch = in_batches(samples, NUMBERS, loaders, False)
        rgb, _, _, said = batch
        assert rgb.shape == (2, 3, 64, 64)
        assert said.change.shape == (2, 1, 64, 64) and said.probabilities.shape == (2, 9, 32, 32)
        assert [one.shape[1:] for one in said.features] == [(40, 8, 8), (112, 4, 4), (192, 2, 2)]

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mtvif_ros.recordings.pair_folder import PairFiles
from tests.training import tiny
from training.config import Config, PairSource, RenderedSource
from training.loop.announce import announcement, labels_of, pace
from training.loop.state import begin


def pair(mask: bool = False, boxes: bool = False) -> PairFiles:
    path = Path("file")
    return PairFiles("name", path, path, path if mask else None, path if boxes else None)


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([pair(mask=True), pair(mask=True, boxes=True)], "2 frames, all with masks"),
        ([pair()], "1 frame, all without labels"),
        (
            [pair(mask=True), pair(boxes=True), pair()],
            "3 frames, 1 with masks, 1 with boxes alone and 1 with",
        ),
    ],
)
def test_frames_are_counted_by_their_labels(pairs: list[PairFiles], told: str) -> None:
    assert labels_of(pairs).startswith(told)


def announced(config: Config, step: int = 0) -> str:
    state = begin(config, torch.device("cpu"))
    state.step = step
    return announcement(config, state, [pair(mask=True)], Path("/nowhere"), Path("runs/mine"))


def test_a_training_tells_its_data_classes_network_and_steps() -> None:
    config = tiny.config(steps=2000, validate_every=500)
    told = announced(replace(config, train=replace(config.train, patience=3)))
    assert told.startswith("runs/mine: 2,000 steps, each of 2 samples of 64x64, on the CPU")
    assert "rendered: 1 frame, all with masks" in told
    assert "1 frame, all with masks; every 500 steps; ends after 3 without a better score" in told
    assert "9: background, car, person" in told
    assert "plain encoder, multitask decoder: " in told and "GMACs at 480x640" in told
    assert told.endswith("from random weights")


def test_it_tells_where_it_resumes_and_what_it_cannot_count() -> None:
    config = tiny.config(steps=2000)
    sources = (RenderedSource(rendered=3, share=1.0), PairSource(path="road", only="boxed", share=3.0))
    told = announced(replace(config, train=replace(config.train, sources=sources)), 50)
    assert "2,000 steps, from step 50 on" in told and told.endswith("runs/mine/checkpoint.pt at step 50")
    assert "rendered: 3 frames, all with masks; 25 % of the samples" in told
    assert "road (boxed): cannot be read: /nowhere/road/vi: no such folder" in told
    assert "; 75 % of the samples" in told


@pytest.mark.parametrize(
    ("seconds", "left", "told"),
    [
        (0.06, 500, "1,000 steps take 60 seconds here; the 500 to go 30 seconds"),
        (0.6, 2000, "1,000 steps take 10 minutes here; the 2,000 to go 20 minutes"),
        (6.0, 2000, "1,000 steps take 1 h 40 min here; the 2,000 to go 3 h 20 min"),
    ],
)
def test_the_pace_is_told_in_units_that_a_person_reads(seconds: float, left: int, told: str) -> None:
    assert told in pace(seconds, left)

"""Settings and runs that are small enough for quick tests."""

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mtvif_ros.classes import STREET_NAMES
from training.config import Config, ModelSettings, check, plain
from training.data.allowed import ClassSets
from training.data.boxes import Boxes
from training.data.classes import classes_of
from training.model import Network, build_model
from training.model.checkpoint import CHECKPOINT, save_checkpoint


class Taught(NamedTuple):
    """A training that learns from a teacher, as a YAML file would have it, and its canvases."""

    plain: dict[str, Any]
    canvases: Path

    @property
    def config(self) -> Config:
        return check(Config, self.plain, "taught")


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """Let no file become larger than so many bytes, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def street_sets() -> ClassSets:
    return ClassSets(STREET_NAMES)


def boxes(*rows: tuple[str, float, float, float, float]) -> Boxes:
    """Boxes of persons, bikes and cars: name, centre and size."""
    places = np.array([row[1:] for row in rows], np.float32).reshape(len(rows), 4)
    boxed = frozenset(STREET_NAMES.index(name) for name in ("person", "bike", "car"))
    return Boxes(places, tuple(STREET_NAMES.index(row[0]) for row in rows), boxed)


def settings(encoder: str = "plain", **more: Any) -> ModelSettings:
    """The settings of a network without pretrained weights."""
    return check(ModelSettings, {"encoder": encoder, "pretrained": False, **more}, "test")


def network(encoder: str = "plain", **more: Any) -> Network:
    return build_model(settings(encoder, **more))


def plain_config(model: ModelSettings | None = None, **train: Any) -> dict[str, Any]:
    """A training of one step on one rendered frame, as a YAML file would have it."""
    return {
        "seed": 1,
        "model": plain(model or settings()),
        "train": {
            "sources": [{"rendered": 1, "share": 1.0}],
            "steps": 1,
            "batch": 2,
            "crop": [64, 64],
            "learning_rate": 2.0e-3,
            "weight_decay": 0.02,
            "warmup_steps": 2,
            "ema_decay": 0.99,
            "clip_gradients": 5.0,
            "checkpoint_every": 2,
            "validate_every": 100,
            "workers": 0,
            **train,
        },
        "validate": [],
        "loss": {"likelihood": 1.0, "dice": 1.0, "intensity": 3.0, "gradient": 12.0, "colour": 3.0},
    }


def config(model: ModelSettings | None = None, **train: Any) -> Config:
    return check(Config, plain_config(model, **train), "test")


def save_run(
    folder: Path,
    seed: int = 0,
    model: ModelSettings | None = None,
    classes: Sequence[str] = (),
    **train: Any,
) -> Path:
    """Write a run whose network has random weights of this seed; return its folder."""
    torch.manual_seed(seed)
    made = check(Config, plain_config(model, **train) | {"classes": list(classes)}, "test")
    network = build_model(made.model, classes_of(made))
    state = {"average": network.state_dict(), "step": 10, "config": plain(made)}
    state["classes"] = [[one.name, list(one.rgb)] for one in network.classes]
    save_checkpoint(folder / CHECKPOINT, state)
    return folder

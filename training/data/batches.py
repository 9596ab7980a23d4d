"""Load the batches of a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from torch.utils.data import DataLoader, Dataset

from training.config import Config
from training.data.allowed import ClassSets
from training.data.canvases import Canvases
from training.data.classes import names_of
from training.data.mixture import Mixture, load_sources


def training_samples(config: Config, data: Path, canvases: Path) -> Dataset[Any]:
    """Return the samples of a training: rgb (3, h, w), ir (1, h, w), allowed (C, h/2, w/2).

    With a teacher, what it says follows in each sample, from the folder `canvases`, which make_canvases has
    filled. Raises ValueError as load_sources does.
    """
    # Leave the cores to the network: OpenCV would start a thread for each core in every loading process. It
    # must know before they fork, or they wait for threads that no longer exist.
    cv2.setNumThreads(1)
    settings = config.train
    length = settings.steps * settings.batch
    if settings.teacher is not None:
        return Canvases(canvases, settings.crop, config.seed, length)
    sets = ClassSets(names_of(config))
    sources = load_sources(settings.sources, data, sets)
    return Mixture(sources, sets, settings.crop, config.seed, length, settings.paste)


def in_batches(
    samples: Dataset[Any], numbers: Sequence[Sequence[int]], loaders: int, pin_memory: bool
) -> DataLoader[Any]:
    """Return samples in batches; `numbers` lists those of each, which `loaders` processes load."""
    return DataLoader(
        samples, batch_sampler=[list(batch) for batch in numbers], num_workers=loaders, pin_memory=pin_memory
    )

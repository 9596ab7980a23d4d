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


def training_batches(
    config: Config,
    data: Path,
    canvases: Path,
    numbers: Sequence[Sequence[int]],
    loaders: int,
    pin_memory: bool,
) -> DataLoader[Any]:
    """Return the batches of a training: rgb (N, 3, h, w), ir (N, 1, h, w), allowed (N, C, h/2, w/2).

    With a teacher, what it says follows in each batch, from the folder `canvases`, which make_canvases has
    filled. `numbers` lists the samples of every batch, which `loaders` processes load. Raises ValueError as
    load_sources does.
    """
    # Leave the cores to the network: OpenCV would start a thread for each core in every loading process. It
    # must know before they fork, or they wait for threads that no longer exist.
    cv2.setNumThreads(1)
    settings = config.train
    length = settings.steps * settings.batch
    samples: Dataset[Any]
    if settings.teacher is not None:
        samples = Canvases(canvases, settings.crop, config.seed, length)
    else:
        sets = ClassSets(names_of(config))
        sources = load_sources(settings.sources, data, sets)
        samples = Mixture(sources, sets, settings.crop, config.seed, length, settings.paste)
    return DataLoader(
        samples, batch_sampler=[list(batch) for batch in numbers], num_workers=loaders, pin_memory=pin_memory
    )

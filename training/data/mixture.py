"""Mix training samples from several sources; a sample depends on its number alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.config import Config, PairSource, RenderedSource
from training.data.allowed import forbid
from training.data.augment import augment
from training.data.pairs import Sample, load_sample
from training.data.paste import paste_things
from training.data.rendered import rendered_samples
from training.data.selection import select_pairs


@dataclass(frozen=True)
class Source:
    """Hold samples and the share of all draws that they get."""

    samples: list[Sample]
    share: float


class Mixture(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Return sample number i as rgb (3, h, w), ir (1, h, w) float in 0..1 and allowed (h, w) int32.

    Number i is the same in every run with the same seed, so a training resumes exactly where it stopped. The
    share `paste` of the samples gets things of another one, see paste_things.
    """

    def __init__(
        self, sources: list[Source], crop: tuple[int, int], seed: int, length: int, paste: float = 0.0
    ):
        self._sources = sources
        shares = np.array([source.share for source in sources])
        self._probabilities = shares / shares.sum()
        self._crop = crop
        self._seed = seed
        self._length = length
        self._paste = paste

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self._seed, index))
        sample = self._draw(rng)
        if rng.random() < self._paste:
            sample = paste_things(sample, self._draw(rng), rng)
        rgb, ir, allowed = augment(sample, self._crop, rng)
        return torch.from_numpy(rgb), torch.from_numpy(ir), torch.from_numpy(allowed)

    def _draw(self, rng: np.random.Generator) -> Sample:
        source = self._sources[rng.choice(len(self._sources), p=self._probabilities)]
        return source.samples[rng.integers(len(source.samples))]


def training_batches(
    config: Config, data: Path, numbers: Sequence[Sequence[int]], loaders: int, pin_memory: bool
) -> DataLoader[tuple[Tensor, Tensor, Tensor]]:
    """Return the batches of a training: rgb (N, 3, h, w), ir (N, 1, h, w), allowed (N, h, w).

    `numbers` lists the samples of every batch, which `loaders` processes load. Raises ValueError as
    load_sources does.
    """
    # Leave the cores to the network: OpenCV would start a thread for each core in every loading process. It
    # must know before they fork, or they wait for threads that no longer exist.
    cv2.setNumThreads(1)
    settings = config.train
    sources = load_sources(settings.sources, data)
    length = settings.steps * settings.batch
    mixture = Mixture(sources, settings.crop, config.seed, length, settings.paste)
    return DataLoader(
        mixture, batch_sampler=[list(batch) for batch in numbers], num_workers=loaders, pin_memory=pin_memory
    )


def sample_batches(config: Config, data: Path, batches: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (rgb, ir) of a training's first batches, with nothing pasted into them.

    Raises ValueError as load_sources does.
    """
    settings = config.train
    sources = load_sources(settings.sources, data)
    mixture = Mixture(sources, settings.crop, config.seed, settings.batch * batches)
    for rgb, ir, _ in DataLoader(mixture, settings.batch):
        yield rgb, ir


def load_sources(wanted: Sequence[RenderedSource | PairSource], data: Path) -> list[Source]:
    """Load every source of a config into memory.

    Raises one ValueError that names every file of all sources that is missing, corrupt, of another size than
    its partner or out of range.
    """
    problems: list[str] = []
    sources = [Source(_load(one, data, problems), one.share) for one in wanted]
    if problems:
        raise ValueError(f"{len(problems)} files cannot be used:\n  " + "\n  ".join(problems))
    return sources


def _load(wanted: RenderedSource | PairSource, data: Path, problems: list[str]) -> list[Sample]:
    if isinstance(wanted, RenderedSource):
        return rendered_samples(wanted.rendered, wanted.seed, wanted.smoke, wanted.times)
    samples: list[Sample] = []
    try:
        pairs = select_pairs(wanted, data)
    except FileNotFoundError as error:
        problems.append(str(error))
        return samples
    for files in pairs:
        try:
            samples.append(load_sample(files))
        except ValueError as error:
            problems.append(str(error))
    return [replace(sample, allowed=forbid(sample.allowed, wanted.absent)) for sample in samples]

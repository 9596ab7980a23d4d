"""Mix training samples from several sources; a sample depends on its number alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.config import AnySource, RenderedSource, VideoSource
from training.data.allowed import Allowed, ClassSets, forbid
from training.data.augment import Plane, augment
from training.data.pairs import Sample, load_sample, refuse
from training.data.paste import paste_things
from training.data.rendered import rendered_samples
from training.data.selection import select_pairs
from training.data.videos import video_samples


@dataclass(frozen=True)
class Source:
    """Hold samples and the share of all draws that they get."""

    samples: list[Sample]
    share: float


class Mixture(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Return sample number i as rgb (3, h, w), ir (1, h, w) float in 0..1 and allowed (C, h/2, w/2) bool.

    Number i is the same in every run with the same seed, so a training resumes exactly where it stopped. The
    share `paste` of the samples gets things of another one, see paste_things.
    """

    def __init__(
        self,
        sources: list[Source],
        sets: ClassSets,
        crop: tuple[int, int],
        seed: int,
        length: int,
        paste: float = 0.0,
    ):
        self._sources, self._sets = sources, sets
        shares = np.array([source.share for source in sources])
        self._probabilities = shares / shares.sum()
        self._crop = crop
        self._seed = seed
        self._length = length
        self._paste = paste

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rgb, ir, allowed = self.view(index)
        return torch.from_numpy(rgb), torch.from_numpy(ir), torch.from_numpy(self._sets.halved(allowed))

    def view(self, index: int) -> tuple[Plane, Plane, Allowed]:
        """Return sample number i with the numbers of its sets of classes, as augment returns it."""
        rng = np.random.default_rng((self._seed, index))
        sample = self._draw(rng)
        if rng.random() < self._paste:
            sample = paste_things(sample, self._draw(rng), self._sets, rng)
        return augment(sample, self._crop, self._sets, rng)

    def _draw(self, rng: np.random.Generator) -> Sample:
        source = self._sources[rng.choice(len(self._sources), p=self._probabilities)]
        return source.samples[rng.integers(len(source.samples))]


def load_sources(wanted: Sequence[AnySource], data: Path, sets: ClassSets) -> list[Source]:
    """Load every source of a config into memory; pixels get numbers of `sets`, which grow.

    Raises one ValueError that names every file of all sources that is missing, corrupt, of another size than
    its partner or out of range.
    """
    problems: list[str] = []
    sources = [Source(_load(one, data, sets, problems), one.share) for one in wanted]
    refuse(dict.fromkeys(problems))
    return sources


def _load(wanted: AnySource, data: Path, sets: ClassSets, problems: list[str]) -> list[Sample]:
    if isinstance(wanted, RenderedSource):
        return rendered_samples(wanted, sets)
    samples: list[Sample] = []
    try:
        if isinstance(wanted, VideoSource):
            samples = video_samples(data / wanted.video, wanted.every, sets)
            return [
                replace(sample, allowed=forbid(sample.allowed, wanted.absent, sets)) for sample in samples
            ]
        pairs = select_pairs(wanted, data, sets.names)
    except (OSError, ValueError) as error:
        problems.append(str(error))
        return samples
    for files in pairs:
        try:
            samples.append(load_sample(files, sets))
        except (OSError, ValueError) as error:
            problems.append(str(error))
    return [replace(sample, allowed=forbid(sample.allowed, wanted.absent, sets)) for sample in samples]

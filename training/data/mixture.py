"""Draw training samples from several sources, reproducibly from the sample's number alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mtvif_ros.pair_folder import PairFiles, find_pairs
from training.data.augment import augment
from training.data.pairs import Sample, load_sample
from training.data.rendered import rendered_samples

_ONLY = {
    "all": lambda files: True,
    "labelled": lambda files: files.mask is not None,
    "boxed": lambda files: files.mask is None and files.boxes is not None,
}


@dataclass(frozen=True)
class Source:
    """Hold samples and the share of all draws that go to them."""

    samples: list[Sample]
    share: float


class Mixture(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Give sample number i as rgb (3, h, w), ir (1, h, w) float in 0..1 and allowed (h, w) int32.

    Number i is the same in every run with the same seed, so training resumes where it stopped.
    """

    def __init__(self, sources: list[Source], crop: tuple[int, int], seed: int, length: int):
        self._sources = sources
        shares = np.array([source.share for source in sources])
        self._probabilities = shares / shares.sum()
        self._crop = crop
        self._seed = seed
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self._seed, index))
        source = self._sources[rng.choice(len(self._sources), p=self._probabilities)]
        sample = source.samples[rng.integers(len(source.samples))]
        rgb, ir, allowed = augment(sample, self._crop, rng)
        return torch.from_numpy(rgb), torch.from_numpy(ir), torch.from_numpy(allowed)


def load_sources(entries: list[dict[str, Any]], data: Path) -> list[Source]:
    """Load every source of a config into memory.

    An entry has `share` and either `path` (relative to `data`) with an optional `only` (all,
    labelled, boxed), or `rendered` (a number of frames) with an optional `seed`. Raises ValueError
    for other entries and for sources that turn out empty.
    """
    return [Source(_load(entry, data), float(entry["share"])) for entry in entries]


def _load(entry: dict[str, Any], data: Path) -> list[Sample]:
    if "rendered" in entry:
        return rendered_samples(int(entry["rendered"]), seed=int(entry.get("seed", 0)))
    only = entry.get("only", "all")
    if "path" not in entry or only not in _ONLY:
        raise ValueError(f"source {entry}: needs `path` or `rendered`; `only` is one of {sorted(_ONLY)}")
    files: list[PairFiles] = [f for f in find_pairs(data / entry["path"]) if _ONLY[only](f)]
    if not files:
        raise ValueError(f"source {entry}: {data / entry['path']} holds no pairs that are {only}")
    return [load_sample(f) for f in files]

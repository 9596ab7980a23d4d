"""Draw training samples from several sources, reproducibly from the sample's number alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.data.allowed import forbid
from training.data.augment import augment
from training.data.pairs import Sample, load_sample
from training.data.paste import paste_things
from training.data.rendered import ALL_TIMES, rendered_samples
from training.data.selection import select_pairs

_RENDERED_KEYS = ("rendered", "seed", "smoke", "times", "share")


@dataclass(frozen=True)
class Source:
    """Hold samples and the share of all draws that go to them."""

    samples: list[Sample]
    share: float


class Mixture(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Give sample number i as rgb (3, h, w), ir (1, h, w) float in 0..1 and allowed (h, w) int32.

    Number i is the same in every run with the same seed, so training resumes where it stopped. The share
    `paste` of the samples gets things of another one, see paste_things.
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


def sample_batches(config: dict[str, Any], data: Path, batches: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Give (rgb, ir) of the first batches of a config's training, with nothing pasted into them.

    Raises ValueError as load_sources does.
    """
    settings = config["train"]
    count = settings["batch"] * batches
    sources = load_sources(settings["sources"], data)
    mixture = Mixture(sources, tuple(settings["crop"]), config["seed"], count)
    for rgb, ir, _ in DataLoader(mixture, settings["batch"]):
        yield rgb, ir


def load_sources(entries: list[dict[str, Any]], data: Path) -> list[Source]:
    """Load every source of a config into memory.

    An entry has `share` and either `rendered` (a number of frames) with optional `seed`, `smoke` and `times`
    of day, or the keys of select_pairs with an optional `absent`, the classes that none of its frames shows.
    Raises ValueError for other entries, and one that names every file of all sources that is missing,
    corrupt, of another size than its partner or out of range.
    """
    problems: list[str] = []
    sources = [Source(_load(entry, data, problems), _share_of(entry)) for entry in entries]
    if problems:
        raise ValueError(f"{len(problems)} files cannot be used:\n  " + "\n  ".join(problems))
    return sources


def _share_of(entry: dict[str, Any]) -> float:
    share = entry.get("share")
    if not isinstance(share, (int, float)) or not share > 0:
        raise ValueError(f"entry {entry}: needs `share`, a number above 0: how many of all samples are its")
    return float(share)


def _load(entry: dict[str, Any], data: Path, problems: list[str]) -> list[Sample]:
    if "rendered" in entry:
        if entry.keys() - set(_RENDERED_KEYS):
            raise ValueError(f"entry {entry}: rendered frames may have {list(_RENDERED_KEYS)}")
        seed, smoke = int(entry.get("seed", 0)), float(entry.get("smoke", 0))
        times = entry.get("times", ALL_TIMES)
        if not isinstance(times, list) or not times or set(times) - set(ALL_TIMES):
            raise ValueError(f"entry {entry}: `times` is a list of some of {ALL_TIMES}")
        return rendered_samples(int(entry["rendered"]), seed, smoke, times)
    samples: list[Sample] = []
    try:
        pairs = select_pairs(entry, data)
    except FileNotFoundError as error:
        problems.append(str(error))
        return samples
    for files in pairs:
        try:
            samples.append(load_sample(files))
        except ValueError as error:
            problems.append(str(error))
    absent = entry.get("absent", ())
    return [replace(sample, allowed=forbid(sample.allowed, absent)) for sample in samples]

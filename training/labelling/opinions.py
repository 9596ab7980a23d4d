"""Combine the answers of a network outside this repository with those of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.recordings.pair_folder import PairFiles, load_pair

Plane = npt.NDArray[np.float32]
Opinion = Mapping[int, Plane]

_SURE = 255
_ROUNDING = 0.01
_NONE = 1e-6


def find_opinions(folder: Path, pairs: Sequence[PairFiles]) -> dict[str, Path]:
    """Return the files NAME.npz of `folder` by pair; a pair without one has no opinion.

    Reads every file, so that a bad one is named before any work is done. Raises ValueError when no pair has
    a file, for a file without a pair, and what read_opinion raises.
    """
    by_name = {files.name: files for files in pairs}
    found = {path.stem: path for path in sorted(folder.glob("*.npz"))}
    if not found:
        raise ValueError(f"{folder}: holds no NAME.npz, one for each pair that the other network answers")
    strangers = sorted(found.keys() - by_name.keys())
    if strangers:
        raise ValueError(
            f"{folder}: {len(strangers)} files belong to no pair, {strangers[0]}.npz first; "
            "name them as the pairs' files are"
        )
    for name, path in found.items():
        read_opinion(path, load_pair(by_name[name])[1].shape)
    return found


def read_opinion(path: Path, size: tuple[int, ...]) -> dict[int, Plane]:
    """Return by class the probabilities, 0..1, in the file for a frame of `size` (height, width).

    The file holds a uint8 array for each class that the other network knows, under the class's name, 255 for
    certain. Raises ValueError naming the file for other names, types and sizes, and when the classes'
    probabilities sum to more than one.
    """
    try:
        with np.load(path) as kept:
            planes = {name: kept[name] for name in kept.files}
    except (BadZipFile, EOFError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); write it with np.savez_compressed") from error
    unknown = sorted(planes.keys() - set(CLASS_NAMES))
    if unknown or not planes:
        raise ValueError(f"{path}: {unknown or 'no array'}; it holds arrays named among {list(CLASS_NAMES)}")
    for name, plane in planes.items():
        if plane.dtype != np.uint8 or plane.shape != size:
            raise ValueError(f"{path}: {name} is {plane.dtype} {plane.shape}; expected uint8 {size}")
    opinion = {CLASS_NAMES.index(name): plane.astype(np.float32) / _SURE for name, plane in planes.items()}
    most = float(np.sum(list(opinion.values()), 0).max())
    if most > 1 + _ROUNDING:
        raise ValueError(f"{path}: the classes' probabilities sum to {most:.2f}; at most 1 is possible")
    return opinion


def weigh(probability: Plane, opinion: Opinion, share: float) -> Plane:
    """Mix `share` of the opinion into probabilities (C, H, W), for the classes that the opinion knows.

    The other classes divide the rest in the proportions of `probability`.
    """
    weighed = probability.copy()
    known = list(opinion)
    for index, plane in opinion.items():
        weighed[index] = (1 - share) * probability[index] + share * plane
    others = [index for index in range(len(probability)) if index not in opinion]
    if others:
        left = np.clip(1 - weighed[known].sum(0), 0, 1)
        weighed[others] *= left / np.maximum(probability[others].sum(0), _NONE)
    return weighed

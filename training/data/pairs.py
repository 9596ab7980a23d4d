"""Load pairs together with the classes that each pixel may have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import IGNORE
from mtvif_ros.image import Image
from mtvif_ros.recordings.pair_folder import PairFiles, load_mask, load_pair
from training.data.allowed import (
    ClassSets,
    allowed_from_boxes,
    allowed_from_mask,
    allowed_from_mask_and_boxes,
)
from training.data.boxes import read_boxes


@dataclass(frozen=True)
class Sample:
    """Hold one pair in memory.

    rgb: (H, W, 3) uint8, R G B. ir: (H, W) uint8. allowed: (H, W) uint16, see training.data.allowed.
    """

    name: str
    rgb: Image
    ir: Image
    allowed: npt.NDArray[np.uint16]


def load_sample(files: PairFiles, sets: ClassSets) -> Sample:
    """Read a pair with its mask and boxes.

    With neither, every class is allowed everywhere. Raises ValueError naming the file that cannot be used.
    """
    rgb, ir = load_pair(files)
    mask = load_labels(files, ir, sets.names)
    boxes = read_boxes(files, sets.names)
    if mask is not None and boxes is not None:
        allowed = allowed_from_mask_and_boxes(mask, boxes, sets)
    elif mask is not None:
        allowed = allowed_from_mask(mask, sets)
    elif boxes is not None:
        allowed = allowed_from_boxes(boxes, (ir.shape[0], ir.shape[1]), sets)
    else:
        allowed = np.full(ir.shape, sets.every, np.uint16)
    return Sample(files.name, rgb, ir, allowed)


def require_usable(pairs: Sequence[PairFiles], names: Sequence[str]) -> None:
    """Raise one ValueError naming all files of `pairs` that load_sample refuses; `names` are the classes."""
    sets, problems = ClassSets(names), dict[str, None]()
    for files in pairs:
        try:
            load_sample(files, sets)
        except (OSError, ValueError) as error:
            problems[str(error)] = None
    refuse(problems)


def refuse(problems: Collection[str]) -> None:
    """Raise a ValueError of all `problems`, if there are any."""
    if problems:
        raise ValueError(f"{len(problems)} files cannot be used:\n  " + "\n  ".join(problems))


def load_labels(files: PairFiles, like: Image, names: Sequence[str]) -> Image | None:
    """Read the class mask as load_mask does; `names` are the classes.

    Raises what load_mask raises, and ValueError for values of no class and a folder that lists other classes.
    """
    mask = load_mask(files, like)
    if mask is None:
        return None
    if files.mask_names not in ((), tuple(names)):
        raise ValueError(
            f"{files.mask}: its classes are {', '.join(files.mask_names)}, the model's {', '.join(names)}; "
            "rename them where they are listed"
        )
    wrong = np.setdiff1d(mask, (*range(len(names)), IGNORE))
    if wrong.size:
        raise ValueError(f"{files.mask}: values {wrong.tolist()}, expected 0..{len(names) - 1} or {IGNORE}")
    return mask

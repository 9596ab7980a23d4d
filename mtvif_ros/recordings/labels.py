"""Read the class masks of a recording."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtvif_ros.imaging.codec import read_grey
from mtvif_ros.recordings.reader import BagReader, stamp_of
from mtvif_ros.recordings.writer import LABEL_TOPIC


def find_labels(path: Path, given: str | None) -> str | None:
    """Return the topic of class masks: the given one, else ours where the bag has it. Raises BagError."""
    if given:
        return given
    with BagReader(path) as reader:
        return LABEL_TOPIC if LABEL_TOPIC in reader.kinds else None


def read_labels(
    path: Path, topic: str, stamps: Collection[int]
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Yield the stamp in ns and the class indices (H, W) of the masks with one of these stamps.

    Raises BagError without the topic and ImageFormatError for a mask that cannot be read.
    """
    wanted = set(stamps)
    with BagReader(path, (topic,)) as reader:
        for record in reader.records():
            stamp = stamp_of(record.raw)
            if stamp in wanted:
                message: Any = record.message()
                yield stamp, np.asarray(read_grey(message), np.uint8)

"""Compare masks with hand-drawn boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.data.boxes import Boxes, box_window, is_found


class BoxAgreement:
    """Count over many frames how well masks and boxes agree.

    A box is found when its class fills at least a quarter of it. A pixel is inside when it lies in a box of
    its class.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._boxes, self._found, self._pixels, self._inside = (Counter[int]() for _ in range(4))
        self._boxed: set[int] = set()

    def add(self, mask: npt.NDArray[np.uint8], boxes: Boxes) -> None:
        """Count one frame: `mask` (H, W) of class indices and its boxes."""
        self._boxed |= boxes.boxed
        inside = {index: np.zeros(mask.shape, bool) for index in boxes.boxed}
        for index, box in boxes:
            window = box_window(box, mask.shape)
            if mask[window].size:
                self._boxes[index] += 1
                self._found[index] += is_found(mask, index, box)
                inside[index][window] = True
        for index, where in inside.items():
            of_class = mask == index
            self._pixels[index] += int(of_class.sum())
            self._inside[index] += int((of_class & where).sum())

    def shares(self) -> dict[str, dict[str, float | None]] | None:
        """Return the shares `found` and `inside` by class, or None without any box."""
        if not any(self._boxes.values()):
            return None
        return {
            self._names[index]: {
                "found": _share(self._found[index], self._boxes[index]),
                "inside": _share(self._inside[index], self._pixels[index]),
            }
            for index in sorted(self._boxed)
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None

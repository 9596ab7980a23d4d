"""Compare masks with hand-drawn boxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import CLASS_NAMES
from training.data.boxes import BOX_CLASSES, Boxes, box_window, is_found


class BoxAgreement:
    """Count over many frames how well masks and boxes agree.

    A box is found when its class fills at least a quarter of it. A pixel is inside when it lies in a box of
    its class.
    """

    def __init__(self) -> None:
        self._boxes = dict.fromkeys(BOX_CLASSES, 0)
        self._found = dict.fromkeys(BOX_CLASSES, 0)
        self._pixels = dict.fromkeys(BOX_CLASSES, 0)
        self._inside = dict.fromkeys(BOX_CLASSES, 0)

    def add(self, mask: npt.NDArray[np.uint8], boxes: Boxes) -> None:
        """Count one frame: `mask` (H, W) of class indices, `boxes` (N, 5) as read_boxes returns them."""
        inside = {index: np.zeros(mask.shape, bool) for index in BOX_CLASSES}
        for kind, *box in boxes:
            index = BOX_CLASSES[int(kind)]
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
            CLASS_NAMES[index]: {
                "found": _share(self._found[index], self._boxes[index]),
                "inside": _share(self._inside[index], self._pixels[index]),
            }
            for index in BOX_CLASSES
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None

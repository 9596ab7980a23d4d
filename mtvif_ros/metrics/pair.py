"""Hold one pair as metrics take it: the camera frames and the node's results."""

from __future__ import annotations

from typing import NamedTuple

from mtvif_ros.image import Image


class AnsweredPair(NamedTuple):
    """Hold the frames and results of one pair, all of the visible frame's size.

    `rgb` and `fused` are (H, W, 3), `ir` and `mask` (H, W), `labels` (H, W) or None, all uint8. `stamp` is
    the visible one, in ns.
    """

    stamp: int
    rgb: Image
    ir: Image
    fused: Image
    mask: Image
    labels: Image | None

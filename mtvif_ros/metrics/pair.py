"""Hold one pair as metrics take it: what the cameras saw and what the node answered."""

from __future__ import annotations

from typing import NamedTuple

from mtvif_ros.image import Image


class AnsweredPair(NamedTuple):
    """Hold what was seen and answered for one pair, all of the visible frame's size.

    rgb and fused (H, W, 3), ir and mask (H, W), labels (H, W) or None; uint8. `stamp` is the visible one
    in ns.
    """

    stamp: int
    rgb: Image
    ir: Image
    fused: Image
    mask: Image
    labels: Image | None

"""Convert colour to luma."""

from __future__ import annotations

from torch import Tensor

LUMA_BT601 = (0.299, 0.587, 0.114)


def luma_of(rgb: Tensor) -> Tensor:
    """Return the BT.601 luma (N, 1, H, W) of an R, G, B tensor (N, 3, H, W), in the same range.

    Products and sums: a convolution from three channels to one takes many times as long on a CPU.
    """
    red, green, blue = (weight * rgb[:, index : index + 1] for index, weight in enumerate(LUMA_BT601))
    return red + green + blue

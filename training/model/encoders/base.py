"""Define what every encoder provides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import nn


class Hidden(NamedTuple):
    """Name the layers around channels that only one convolution reads.

    Every tensor of the `makers` has one entry for each channel, `taker` is the convolution and `norm` the
    batch norm behind it.
    """

    makers: tuple[str, ...]
    taker: str
    norm: str


class Encoder(nn.Module):
    """Turn a visible and an infrared frame into features at strides 4, 8, 16 and 32.

    `forward(rgb, ir)` takes float (N, 3, H, W) and (N, 1, H, W) in 0..1, H and W divisible by 32, and
    returns four maps of `channels` channels.
    """

    channels: tuple[int, int, int, int]

    def hidden_channels(self) -> dict[str, Hidden]:
        """Return by name the channels whose number `model.hidden` sets."""
        return {}


def check_hidden(hidden: Mapping[str, int], known: Mapping[str, int]) -> None:
    """Raise ValueError for names that are not in `known`."""
    unknown = sorted(hidden.keys() - known.keys())
    if unknown:
        raise ValueError(f"model.hidden: unknown names {unknown}; this encoder has {list(known) or 'none'}")

"""Say what every encoder gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import nn


class Hidden(NamedTuple):
    """Name the layers around channels that a single convolution takes.

    `makers` have one entry of each tensor for each channel, `taker` is the convolution and `norm` the
    batch norm behind it.
    """

    makers: tuple[str, ...]
    taker: str
    norm: str


class Encoder(nn.Module):
    """Turn a visible and an infrared frame into features at strides 4, 8, 16 and 32.

    `forward(rgb, ir)` takes float (N, 3, H, W) and (N, 1, H, W) in 0..1, H and W divisible by 16, and
    returns four maps whose channels are `channels`.
    """

    channels: tuple[int, int, int, int]

    def hidden_channels(self) -> dict[str, Hidden]:
        """Return by name what training.history.prune narrows; `model.hidden` gives the widths."""
        return {}


def check_hidden(hidden: Mapping[str, int], known: Mapping[str, int]) -> None:
    """Raise ValueError for widths of channels that are not in `known`, and for widths below one."""
    unknown = sorted(hidden.keys() - known.keys())
    if unknown:
        raise ValueError(f"model.hidden: unknown names {unknown}; this encoder has {list(known) or 'none'}")
    for name, width in hidden.items():
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"model.hidden: {name}: {width!r} must be a number of channels, at least 1")

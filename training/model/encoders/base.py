"""Say what every encoder gives."""

from __future__ import annotations

from torch import nn


class Encoder(nn.Module):
    """Turn a visible and an infrared frame into features at strides 4, 8, 16 and 32.

    `forward(rgb, ir)` takes float (N, 3, H, W) and (N, 1, H, W) in 0..1, H and W divisible by 16, and
    returns four maps whose channels are `channels`.
    """

    channels: tuple[int, int, int, int]

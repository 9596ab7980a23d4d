"""Encode both frames with a backbone of the library timm, by name.

Both cameras enter its first layer: the infrared frame is a fourth channel, for which timm extends pretrained
kernels. Levels that the backbone lacks are bridged by plain convolutions: the finer ones from the pixels, as
the patch encoder has them, the coarser ones from the level before.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from training.model.encoders.base import Encoder, check_hidden
from training.model.layers import conv_bn

_STRIDES = (4, 8, 16, 32)
_CAMERAS = 4
_FINEST = 32  # channels of a bridge from the pixels
_PROBED = (96, 160)  # odd multiples of 32: models of one size, or of multiples of 64, do not take them


class TimmEncoder(Encoder):
    """Encode with the timm model `name`; see Encoder for shapes.

    `pretrained` starts from the weights that timm downloads, `checkpoint` from a file of such weights. Raises
    ModuleNotFoundError without timm, and ValueError for an unknown model, for one that gives no features at a
    stride of 4, 8, 16 or 32 or not of frames of every size, for weights that cannot be had or do not fit, and
    for any `hidden`.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        pretrained: bool = True,
        checkpoint: Path | None = None,
        hidden: Mapping[str, int] | None = None,
    ):
        super().__init__()
        check_hidden(hidden or {}, {})
        options, new = _fit(name)
        if checkpoint is not None:
            self.backbone = _with_file(name, checkpoint, options)
        else:
            self.backbone = _with_downloaded(name, options) if pretrained else new
        levels = [new.feature_info.info[index] for index in options["out_indices"]]
        self.levels = tuple(level["reduction"] for level in levels)
        self.channels_are_last = getattr(new, "output_fmt", None) == "NHWC"
        widths = {level["reduction"]: level["num_chs"] for level in levels}
        self.bridges = nn.ModuleDict()
        for stride, above in zip(_STRIDES, (1, *_STRIDES)):
            if stride in widths:
                continue
            if above in widths:
                widths[stride] = widths[above] * 3 // 2
                bridge = conv_bn(widths[above], widths[stride], 3, 2)
            else:
                widths[stride] = _FINEST
                bridge = conv_bn(_CAMERAS, _FINEST, stride, stride)
            self.bridges[str(stride)] = bridge
        self.channels = (widths[4], widths[8], widths[16], widths[32])
        # Of the frames that the backbone learnt from; infrared's are those of grey.
        for statistic in ("mean", "std"):
            colours = new.pretrained_cfg[statistic]
            values = torch.tensor((*colours, sum(colours) / len(colours))).view(1, -1, 1, 1)
            self.register_buffer(statistic, values, persistent=False)

    def forward(self, rgb: Tensor, ir: Tensor) -> list[Tensor]:
        x = torch.cat((rgb, ir), 1)
        given = self.backbone((x - self.mean) / self.std)
        if self.channels_are_last:
            given = [one.permute(0, 3, 1, 2) for one in given]
        maps = dict(zip(self.levels, given))
        features = []
        for stride in _STRIDES:
            x = maps[stride] if stride in maps else self.bridges[str(stride)](x)
            features.append(x)
        return features


def load_timm() -> ModuleType:
    """Return the library timm; raises ModuleNotFoundError when it or torchvision is not installed."""
    try:
        try:
            import torchvision  # noqa: F401
        except RuntimeError:
            # Where its compiled operators do not fit torch, as those of PyPI do not fit one for CPUs, it does
            # without them, but asks for two. timm uses none.
            for name in ("nms", "qnms"):
                schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                torch.library.define(f"torchvision::{name}", schema)
        import timm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"model.encoder: timm/NAME needs the Python module {error.name}; "
            "pip install -r requirements/training.txt"
        ) from error
    return timm


def _create(name: str, **options: Any) -> Any:
    """Return a backbone; timm has no types."""
    return load_timm().create_model(name, features_only=True, in_chans=_CAMERAS, **options)


def _fit(name: str) -> tuple[dict[str, Any], Any]:
    """Return the options with which timm gives what an encoder needs, and the untrained backbone."""
    timm = load_timm()
    if not timm.is_model(name):
        like = difflib.get_close_matches(name, timm.list_models(), 3)
        hint = f"did you mean {' or '.join(like)}?" if like else "timm.list_models() names all"
        raise ValueError(f"model.encoder: timm {timm.__version__} has no model {name}; {hint}")
    problems: list[str] = []
    fixed_or_open: tuple[dict[str, Any], ...] = ({}, {"dynamic_img_size": True})
    for opened in fixed_or_open:
        try:
            info = _create(name, **opened).feature_info.info
            options = {**opened, "out_indices": _levels(name, [level["reduction"] for level in info])}
            new = _create(name, **options)
            _probe(new, [info[index]["reduction"] for index in options["out_indices"]])
        except (AssertionError, AttributeError, RuntimeError, TypeError) as error:
            problems.append(" ".join(str(error).split()))
        else:
            return options, new
    raise ValueError(
        f"model.encoder: timm/{name} gives no features of frames of every size, as a node needs them; choose "
        f"another model ({problems[0]})"
    )


def _levels(name: str, strides: Sequence[int]) -> tuple[int, ...]:
    """Return the index of the last of a model's features at each stride that the pyramid has."""
    last = {stride: index for index, stride in enumerate(strides) if stride in _STRIDES}
    if not last:
        had = ", ".join(map(str, sorted(set(strides))))
        raise ValueError(
            f"model.encoder: timm/{name} has features at stride {had}; the network needs some at "
            "4, 8, 16 or 32: choose another model"
        )
    return tuple(sorted(last.values()))


def _probe(backbone: nn.Module, strides: Sequence[int]) -> None:
    """Raise RuntimeError unless the backbone takes every size that the network gives to it."""
    height, width = _PROBED
    with torch.no_grad():
        given = backbone.eval()(torch.zeros(1, _CAMERAS, height, width))
    backbone.train()
    for one, stride in zip(given, strides):
        size = tuple(one.shape[1:3] if getattr(backbone, "output_fmt", None) == "NHWC" else one.shape[2:])
        if size != (height // stride, width // stride):
            raise RuntimeError(f"of {height}x{width} it has {size[0]}x{size[1]} features at stride {stride}")


def _with_downloaded(name: str, options: Mapping[str, Any]) -> Any:
    try:
        return _create(name, pretrained=True, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"model.pretrained: timm has no weights of {name} to load; give a file in model.checkpoint, or "
            f"set `pretrained: false` ({' '.join(str(error).split())})"
        ) from error


def _with_file(name: str, path: Path, options: Mapping[str, Any]) -> Any:
    """Return the backbone with the weights of a file, to which timm adapts names and first layer."""
    if not path.is_file():
        raise FileNotFoundError(f"model.checkpoint: {path} does not exist")
    given = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(path)}}
    made: list[Any] = []
    # timm passes over weights that a file does not have, so what stays as it began betrays them.
    for more in ({"pretrained": False}, given):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                made.append(_create(name, **options, **more))
            except (KeyError, OSError, RuntimeError, ValueError, UnpicklingError) as error:
                raise ValueError(
                    f"model.checkpoint: {path} has no weights of {name}: {' '.join(str(error).split())[:300]}"
                ) from error
    new, loaded = made
    missing = [
        one
        for (one, before), after in zip(new.named_parameters(), loaded.parameters())
        if before.ndim > 1 and before.min() < before.max() and torch.equal(before, after)
    ]
    if missing:
        raise ValueError(
            f"model.checkpoint: {path} has no weights for {len(missing)} of {name}'s layers, "
            f"such as {missing[0]}"
        )
    return loaded

"""Join encoders and decoders into networks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mtvif_ros.classes import STREET, SegmentationClass
from training.config import DecoderName, ModelSettings
from training.model.decoders import FusionDecoder, MultiTaskHead, SegmentationDecoder
from training.model.encoders import Encoder, new_encoder
from training.model.luma import luma_of

Classes = tuple[SegmentationClass, ...]

_PYRAMID_STRIDE = 32


class MultiTaskVIF(nn.Module):
    """Fuse and segment a pair of frames in one pass; `classes` are those of the segmentation.

    Takes `rgb` (N, 3, H, W) and `ir` (N, 1, H, W), float in 0..1, H and W divisible by `stride`.
    Returns the change of luma (N, 1, H, W) and cell logits (N, 4 C, H/4, W/4), which spread_cells turns
    into a map of half the size; with a FusionDecoder the logits are None.
    Raises ValueError for other ranks, channels, dtypes and sizes.
    """

    stride = _PYRAMID_STRIDE

    def __init__(self, encoder: Encoder, decoder: nn.Module, classes: Classes = STREET):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.classes = classes

    def forward(self, rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor | None]:
        _check_frames(rgb, ir, self.stride)
        return self.decoder(self.encoder(rgb, ir), rgb, ir)


class Cascade(nn.Module):
    """Fuse, then segment the fused image with a second network: the baseline of MultiTaskVIF.

    Same inputs and outputs as MultiTaskVIF. The second network sees only the fused image: in colour as its
    visible frame, in grey as its infrared frame. Its gradients do not reach the fusion.
    """

    stride = _PYRAMID_STRIDE

    def __init__(self, fusion: MultiTaskVIF, encoder: Encoder, decoder: SegmentationDecoder):
        super().__init__()
        self.fusion = fusion
        self.encoder = encoder
        self.decoder = decoder
        self.classes = fusion.classes

    def forward(self, rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor]:
        change, _ = self.fusion(rgb, ir)
        seen = change.detach()
        fused_rgb, fused_luma = (rgb + seen).clamp(0, 1), (luma_of(rgb) + seen).clamp(0, 1)
        return change, self.decoder(self.encoder(fused_rgb, fused_luma))


Network = MultiTaskVIF | Cascade


def build_model(settings: ModelSettings, classes: Classes = STREET) -> Network:
    """Build the network that a config's `model` section describes.

    Raises what new_encoder raises.
    """
    return DECODERS[settings.decoder](lambda: new_encoder(settings), classes)


def _multitask(new_encoder: Callable[[], Encoder], classes: Classes) -> Network:
    encoder = new_encoder()
    return MultiTaskVIF(encoder, MultiTaskHead(encoder.channels, len(classes)), classes)


def _fusion(new_encoder: Callable[[], Encoder], classes: Classes) -> MultiTaskVIF:
    encoder = new_encoder()
    return MultiTaskVIF(encoder, FusionDecoder(encoder.channels), classes)


def _cascade(new_encoder: Callable[[], Encoder], classes: Classes) -> Network:
    encoder = new_encoder()
    segments = SegmentationDecoder(encoder.channels, len(classes))
    return Cascade(_fusion(new_encoder, classes), encoder, segments)


DECODERS: dict[DecoderName, Callable[[Callable[[], Encoder], Classes], Network]] = {
    "multitask": _multitask,
    "fusion": _fusion,
    "cascade": _cascade,
}


def _check_frames(rgb: Tensor, ir: Tensor, stride: int) -> None:
    if torch.jit.is_tracing():
        return
    if rgb.ndim != 4 or rgb.shape[1] != 3 or ir.shape != (rgb.shape[0], 1, *rgb.shape[2:]):
        raise ValueError(
            f"rgb {tuple(rgb.shape)} and ir {tuple(ir.shape)}: expected (N, 3, H, W) and (N, 1, H, W)"
        )
    if not rgb.is_floating_point() or rgb.dtype != ir.dtype:
        raise ValueError(
            f"rgb {rgb.dtype} and ir {ir.dtype}: expected one floating-point type; divide bytes by 255"
        )
    height, width = rgb.shape[-2:]
    if height % stride or width % stride:
        raise ValueError(
            f"frames of {height}x{width}: height and width must be multiples of {stride}; "
            "pad them, or use an exported model file, which pads inside its graph"
        )

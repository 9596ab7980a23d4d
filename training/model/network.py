"""Join an encoder and a head into the network that is trained."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtvif_ros.classes import CLASSES
from training.model.encoders import ENCODERS, Encoder
from training.model.heads import LUMA_BT601, MultiTaskHead


def luma_of(rgb: Tensor) -> Tensor:
    """Return the BT.601 luma (N, 1, H, W) of an R, G, B tensor (N, 3, H, W), in the same range."""
    return F.conv2d(rgb, rgb.new_tensor(LUMA_BT601).view(1, 3, 1, 1))


class MultiTaskVIF(nn.Module):
    """Fuse and segment a pair of frames in one pass.

    Takes `rgb` (N, 3, H, W) and `ir` (N, 1, H, W), float in 0..1, H and W divisible by `stride`.
    Returns what the fusion adds to the luma, (N, 1, H, W), and cell logits (N, C, 4, H/4, W/4), which
    spread_cells turns into a map of half size.
    Raises ValueError for other sizes.
    """

    def __init__(self, encoder: Encoder, head: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.stride = 2 * encoder.stride  # the pyramid adds one level

    def forward(self, rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor]:
        height, width = rgb.shape[-2:]
        if not torch.jit.is_tracing() and (height % self.stride or width % self.stride):
            raise ValueError(
                f"frames of {height}x{width}: height and width must be multiples of {self.stride}; "
                "pad them, or export with training.export, which pads inside the graph"
            )
        return self.head(self.encoder(rgb, ir), rgb, ir)


def build_model(config: dict[str, Any]) -> MultiTaskVIF:
    """Build the network that a config's `model` section describes.

    Keys: `encoder` (a name in ENCODERS) and `pretrained` (default true). Raises ValueError for an
    unknown encoder, listing those that exist.
    """
    name = config["encoder"]
    if name not in ENCODERS:
        raise ValueError(f"model.encoder: {name!r} is unknown; choose one of {sorted(ENCODERS)}")
    encoder = ENCODERS[name](pretrained=config.get("pretrained", True))
    return MultiTaskVIF(encoder, MultiTaskHead(encoder.channels, len(CLASSES)))

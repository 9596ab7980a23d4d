"""Keep a fused video steady, by pairs of neighbouring frames; ours."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.model.luma import luma_of

_NOISE = 2.0 / 255  # of a camera, standard deviation
_ALLOWED = 1.0  # times the change of the brighter source


def neighbours(rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor]:
    """Return frames (N, C, H, W) as the cameras would see them a moment later: a pixel further, new noise."""
    rows, columns = (int(torch.randint(-1, 2, ())) for _ in range(2))
    moved = (torch.roll(frame, (rows, columns), (2, 3)) for frame in (rgb, ir))
    later_rgb, later_ir = ((frame + _NOISE * torch.randn_like(frame)).clamp(0, 1) for frame in moved)
    return later_rgb, later_ir


def steadiness_loss(change: Tensor, later_change: Tensor, frames: tuple[Tensor, ...]) -> Tensor:
    """Return by how much the fused luma changes more between two frames than the brighter source does.

    `frames` are rgb, ir and their neighbours; the result is relative, and zero for a steady video.
    """
    rgb, ir, later_rgb, later_ir = frames
    luma, later = luma_of(rgb), luma_of(later_rgb)
    fused = (later + later_change).clamp(0, 1) - (luma + change).clamp(0, 1)
    brighter = torch.maximum(later, later_ir) - torch.maximum(luma, ir)
    moved = brighter.abs().mean((1, 2, 3)).clamp_min(1 / 255)
    return F.relu(fused.abs().mean((1, 2, 3)) / moved - _ALLOWED).mean()

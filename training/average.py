"""Follow a network by the moving average of its weights."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Move `average` towards `network` (Polyak and Juditsky, 1992).

    The decay grows with `step` up to `decay`, so that the first weights are soon forgotten.
    """
    now = min(decay, (1 + step) / (10 + step))
    theirs = network.state_dict()
    for name, mine in average.state_dict().items():
        if mine.is_floating_point():
            mine.lerp_(theirs[name], 1 - now)
        else:
            mine.copy_(theirs[name])

"""Average a network's weights over the steps."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Move `average` towards `network` (Polyak and Juditsky, 1992).

    The decay grows with `step` up to `decay`, so that the average soon forgets the first weights.
    """
    now = min(decay, (1 + step) / (10 + step))
    mine, theirs = average.state_dict(), network.state_dict()
    moving = [name for name, tensor in mine.items() if tensor.is_floating_point()]
    # All tensors in one call: on a GPU every small kernel costs its launch.
    get_ema_multi_avg_fn(now)([mine[name] for name in moving], [theirs[name] for name in moving], step)
    for name in mine.keys() - set(moving):
        mine[name].copy_(theirs[name])

"""Count the parameters and multiply-accumulates of a network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.model.network import Network


def count_parameters(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: Network, size: tuple[int, int]) -> int:
    """Return the multiply-accumulates of all layers with weights for one pair of `size` (height, width)."""
    total = 0

    def count(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal total
        assert isinstance(module, (nn.Conv2d, nn.Linear))
        total += output.numel() * module.weight[0].numel()

    weighted = [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    hooks = [module.register_forward_hook(count) for module in weighted]
    was_training, device = network.training, next(network.parameters()).device
    try:
        with torch.no_grad():
            network.eval()(*(torch.zeros(1, channels, *size, device=device) for channels in (3, 1)))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return total

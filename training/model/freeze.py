"""Keep parts of a network as they are while the rest learns."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def freeze(network: nn.Module, names: Sequence[str]) -> None:
    """Keep the modules of these names as they are, with the statistics of their batch norms."""
    for name in names:
        module = network.get_submodule(name)
        module.requires_grad_(False)
        module.eval()

"""Supervise the inner maps of a segmentation pyramid in training, so that none of them loses a class."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mtvif_ros.classes import CLASSES
from training.model.decoders.pyramid import FeaturePyramid
from training.model.network import Network


class DeepSupervision(nn.Module):
    """Hold a network that learns and, if `deep`, judges of its segmentation pyramid's inner maps.

    A judge is a 1x1 convolution that turns a map into logits: the map that enters the pyramid at stride 32,
    and those that leave its levels at 16, 8 and 4 (Lee et al., Deeply-Supervised Nets, AISTATS 2015).
    Without judges the pyramid keeps what common classes need and drops rare ones
    (docs/explanation/network.md). They are not part of the trained network. A network without segmentation
    has none.

    Takes a network's inputs; returns its two outputs and a list of logits (N, classes, h, w).
    """

    def __init__(self, network: Network, deep: bool):
        super().__init__()
        self.network = network
        self.judges = nn.ModuleList()
        pyramid = network.decoder.segmentation_pyramid
        if deep and isinstance(pyramid, FeaturePyramid):
            self.judges.extend(nn.Conv2d(width, len(CLASSES), 1) for width in pyramid.map_channels)
            # Zero weights send no gradient into a trained network until the judges have learnt something.
            for parameter in self.judges.parameters():
                nn.init.zeros_(parameter)

    def forward(self, rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        if not self.judges:
            return *self.network(rgb, ir), []
        maps: list[Tensor] = []

        def keep_input(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            maps.append(inputs[0][-1])

        def keep_output(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            maps.append(output)

        pyramid = self.network.decoder.segmentation_pyramid
        assert isinstance(pyramid, FeaturePyramid)
        hooks = [pyramid.register_forward_pre_hook(keep_input)]
        hooks += [level.register_forward_hook(keep_output) for level in pyramid.smooth]
        try:
            change, cells = self.network(rgb, ir)
        finally:
            for hook in hooks:
                hook.remove()
        return change, cells, [judge(one) for judge, one in zip(self.judges, maps, strict=True)]

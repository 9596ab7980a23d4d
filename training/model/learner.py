"""Wrap a network with what judges its inner maps in training."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from training.model.decoders import FusionDecoder
from training.model.decoders.pyramid import FeaturePyramid
from training.model.network import MultiTaskVIF, Network

TAUGHT = {8: 40, 16: 112, 32: 192}  # channels of the teacher's features by stride


class Outputs(NamedTuple):
    """Hold what a step judges.

    change, cells: a network's outputs. inner: logits (N, C, h, w) of its pyramid's maps. features: what the
    encoder has at strides 8, 16 and 32, in the teacher's channels. Both lists may be empty.
    """

    change: Tensor
    cells: Tensor | None
    inner: list[Tensor]
    features: list[Tensor]


class Learner(nn.Module):
    """Hold a network that learns, judges of its pyramid's inner maps and projections to a teacher's features.

    A judge is an auxiliary head, a 1x1 convolution that turns a map into logits: the map that enters the
    pyramid at stride 32, and those that leave its levels at 16, 8 and 4 (Lee et al., Deeply-Supervised Nets,
    AISTATS 2015). Without judges the pyramid keeps what common classes need and drops rare ones
    (docs/lessons.md). A projection is a 1x1 convolution from the encoder's channels to the teacher's, where
    they differ (Romero et al., FitNets, ICLR 2015). Neither is part of the trained network. A network without
    segmentation has no judges.

    `deep` asks for judges, `taught` for projections. Takes a network's inputs; returns Outputs.
    """

    def __init__(self, network: Network, deep: bool, taught: bool = False):
        super().__init__()
        self.network = network
        self.judges, self.projections = nn.ModuleList(), nn.ModuleList()
        if deep and not isinstance(network.decoder, FusionDecoder):
            pyramid = network.decoder.pyramid
            assert isinstance(pyramid, FeaturePyramid)
            self.judges.extend(nn.Conv2d(width, len(network.classes), 1) for width in pyramid.map_channels)
            # Zero weights send no gradient into a trained network until the judges have learnt something.
            for parameter in self.judges.parameters():
                nn.init.zeros_(parameter)
        if taught and isinstance(network, MultiTaskVIF):
            own = network.encoder.channels[1:]
            self.projections.extend(
                nn.Identity() if width == theirs else nn.Conv2d(width, theirs, 1)
                for width, theirs in zip(own, TAUGHT.values())
            )

    def forward(self, rgb: Tensor, ir: Tensor) -> Outputs:
        encoded: list[Tensor] = []
        maps: list[Tensor] = []

        def keep_encoded(module: nn.Module, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
            encoded.extend(output)

        def keep_map(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            maps.append(output)

        pyramid = self.network.decoder.pyramid
        assert isinstance(pyramid, FeaturePyramid)
        hooks = [self.network.encoder.register_forward_hook(keep_encoded)]
        hooks += [level.register_forward_hook(keep_map) for level in pyramid.smooth]
        try:
            change, cells = self.network(rgb, ir)
        finally:
            for hook in hooks:
                hook.remove()
        inner = [judge(one) for judge, one in zip(self.judges, [encoded[3], *maps])]
        return Outputs(change, cells, inner, [p(one) for p, one in zip(self.projections, encoded[1:])])

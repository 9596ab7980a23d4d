"""Score a network through the model file's contract, and draw sample pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mtvif_ros.classes import colour_table
from mtvif_ros.image import Image
from mtvif_ros.imaging.draw import side_by_side
from mtvif_ros.recordings.pair_folder import PairFiles
from training.config import TrainSettings
from training.model import Network
from training.model.contract import ContractModel
from training.scoring.pairs import Scores, score_pairs

_PICTURES = 12


def is_due(step: int, settings: TrainSettings) -> bool:
    """Return whether the network is validated after so many steps."""
    return step % settings.validate_every == 0 or step == settings.steps


@torch.no_grad()
def run_pair(network: Network, rgb: Image, ir: Image) -> tuple[Image, Image]:
    """Return the fused image (H, W, 3) and the mask (H, W) that the model file would give."""
    contract = ContractModel(network).eval()
    device = next(network.parameters()).device
    fused, mask = contract(torch.from_numpy(rgb)[None].to(device), torch.from_numpy(ir)[None].to(device))
    return fused[0].cpu().numpy(), mask[0].cpu().numpy()


def validate(network: Network, pairs: Sequence[PairFiles]) -> tuple[Scores, dict[str, Image]]:
    """Return the scores of `network` on `pairs` and sample pictures by name.

    A picture shows visible, infrared, fused and mask side by side.
    """
    was_training = network.training
    network.eval()
    drawn = {files.name for files in pairs[:: -(-len(pairs) // _PICTURES)]}
    pictures: dict[str, Image] = {}
    colours = colour_table([one.rgb for one in network.classes])

    def fuse(files: PairFiles, rgb: Image, ir: Image) -> tuple[Image, Image]:
        fused, mask = run_pair(network, rgb, ir)
        if files.name in drawn:
            pictures[files.name] = side_by_side(rgb, ir, fused, mask, colours)
        return fused, mask

    scores = score_pairs(pairs, fuse, [one.name for one in network.classes])
    network.train(was_training)
    return scores, pictures

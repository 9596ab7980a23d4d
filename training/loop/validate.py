"""Score a network through the model file's contract, and draw sample pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mtvif_ros.classes import colour_table
from mtvif_ros.engines import Inference
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
def run_pair(network: Network, rgb: Image, ir: Image) -> Inference:
    """Return what the model file would give for a pair."""
    contract = ContractModel(network).eval()
    device = next(network.parameters()).device
    images = contract(torch.from_numpy(rgb)[None].to(device), torch.from_numpy(ir)[None].to(device))
    return Inference(*(image[0].cpu().numpy() for image in images))


def validate(network: Network, pairs: Sequence[PairFiles]) -> tuple[Scores, dict[str, Image]]:
    """Return the scores of `network` on `pairs` and sample pictures by name.

    A picture shows visible, infrared, fused and mask side by side.
    """
    was_training = network.training
    network.eval()
    drawn = {files.name for files in pairs[:: -(-len(pairs) // _PICTURES)]}
    pictures: dict[str, Image] = {}
    colours = colour_table([one.rgb for one in network.classes])

    def fuse(files: PairFiles, rgb: Image, ir: Image) -> Inference:
        given = run_pair(network, rgb, ir)
        if files.name in drawn:
            pictures[files.name] = side_by_side(rgb, ir, given.fused, given.mask, colours)
        return given

    scores = score_pairs(pairs, fuse, [one.name for one in network.classes])
    network.train(was_training)
    return scores, pictures

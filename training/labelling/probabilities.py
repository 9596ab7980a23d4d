"""Ask networks for the class probabilities of a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from mtvif_ros.image import Image
from training.model import Network
from training.model.decoders import spread_cells
from training.model.precision import fast_autocast

Plane = npt.NDArray[np.float32]

_SCALES = (1.0, 1.4)


def class_probabilities(networks: Sequence[Network], rgb: Image, ir: Image) -> Plane:
    """Return (C, H, W) probabilities, averaged over the networks, two scales and the mirrored frames.

    Computes in bfloat16 where the CPU is fast at it. Raises ValueError for a network without segmentation.
    """
    return np.asarray(np.mean([_probabilities(network, rgb, ir) for network in networks], 0), np.float32)


@torch.no_grad()
def _probabilities(network: Network, rgb: Image, ir: Image) -> Plane:
    height, width = ir.shape
    visible = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    infrared = torch.from_numpy(ir)[None, None].float() / 255
    total = torch.zeros(1, len(network.classes), height, width)
    for scale in _SCALES:
        size = [max(1, round(side * scale / network.stride)) * network.stride for side in (height, width)]
        frames = [F.interpolate(x, size, mode="bilinear", align_corners=False) for x in (visible, infrared)]
        for mirrored in (False, True):
            with fast_autocast(torch.device("cpu")):
                _, cells = network(*(x.flip(3) if mirrored else x for x in frames))
            if cells is None:
                raise ValueError("this network has no segmentation to label with")
            logits = spread_cells(cells).float()
            logits = logits.flip(3) if mirrored else logits
            total += F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
    return (total / (2 * len(_SCALES))).softmax(1)[0].numpy()

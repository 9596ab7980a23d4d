"""Wrap a network into the model file's contract: camera bytes in, message bytes out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.decoders import best_classes, best_probabilities, spread_quarters
from training.model.network import Network

INPUT_NAMES = ("rgb", "ir")
OUTPUT_NAMES = ("fused", "segmentation", "confidence")
TEMPERATURE = "temperature"  # the name of the constant in a file


class ContractModel(nn.Module):
    """Map `rgb` (1, H, W, 3) and `ir` (1, H, W), uint8, to `fused`, `segmentation` and `confidence`.

    The network's change of luma is added to R, G and B alike, which keeps the visible frame's Cb and Cr
    until a channel clips. Sizes that the stride does not divide are padded at the bottom right with edge
    pixels and cropped again. Confidence is 255 times the softmax probability of the chosen class, of logits
    that `temperature` divides (Guo et al., On Calibration of Modern Neural Networks, ICML 2017). A network
    without segmentation marks background everywhere, in full confidence. The network computes in its own
    dtype, the arithmetic around it is float32.
    """

    temperature: Tensor

    def __init__(self, network: Network, temperature: float = 1.0):
        super().__init__()
        self.network = network
        self.register_buffer("temperature", torch.tensor(temperature))

    def forward(self, rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        colour = rgb.to(torch.float32).permute(0, 3, 1, 2)
        thermal = ir.to(torch.float32).unsqueeze(1)
        dtype = next(self.network.parameters()).dtype
        # No test of whether there is anything to pad: a file of open size would keep its answer for one size.
        change, logits = self.network(
            (self._padded(colour) / 255).to(dtype), (self._padded(thermal) / 255).to(dtype)
        )
        height, width = ir.shape[1:]
        change = change[..., :height, :width].to(torch.float32) * 255
        # The cast truncates: adding one half makes it round to the nearest level.
        fused = (colour + change + 0.5).clamp(0, 255).permute(0, 2, 3, 1).to(torch.uint8)
        if logits is None:
            return fused, torch.zeros_like(ir), torch.full_like(ir, 255)
        # The cast truncates here, too. 255.5 would be 256 in bfloat16, and no byte.
        certainty = (255 * best_probabilities(logits, self.temperature) + 0.5).clamp(max=255)
        planes = best_classes(logits), spread_quarters(certainty)
        mask, confidence = (plane[..., :height, :width].to(torch.uint8) for plane in planes)
        return fused, mask, confidence

    def _padded(self, planes: Tensor) -> Tensor:
        stride = self.network.stride
        below, right = (-side % stride for side in planes.shape[2:])
        return F.pad(planes, (0, right, 0, below), mode="replicate")

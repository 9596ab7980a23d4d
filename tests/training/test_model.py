from pathlib import Path

import pytest
import torch

from mtvif_ros.engines import load_engine
from training.export import export
from training.model import build_model
from training.model.contract import ContractModel
from training.model.cost import count_macs, count_parameters
from training.model.encoders import ENCODERS
from training.model.heads import spread_cells


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_gives_a_change_of_luma_and_half_size_logits(encoder: str) -> None:
    network = build_model({"encoder": encoder, "pretrained": False})
    change, cells = network(torch.rand(2, 3, 64, 96), torch.rand(2, 1, 64, 96))
    assert change.shape == (2, 1, 64, 96)
    assert spread_cells(cells).shape == (2, 9, 32, 48)


def test_a_size_that_does_not_fit_is_refused_with_the_stride() -> None:
    network = build_model({"encoder": "lite0", "pretrained": False})
    with pytest.raises(ValueError, match="multiples of 32"):
        network(torch.rand(1, 3, 50, 64), torch.rand(1, 1, 50, 64))


def test_an_unknown_encoder_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="lite0"):
        build_model({"encoder": "resnet"})


def test_pretrained_features_are_those_of_the_published_network() -> None:
    """The values are what `efficientnet-lite-pytorch` gives, far from borders, where padding differs."""
    encoder = build_model({"encoder": "lite0"}).eval().encoder
    axis = torch.arange(768.0)
    waves = [(torch.sin(axis * f) + torch.cos(axis[:, None] * f * 0.7) + 2) / 4 for f in (0.05, 0.11, 0.23)]
    with torch.no_grad():
        deepest = encoder(torch.stack(waves)[None], torch.zeros(1, 1, 768, 768))[-1]
    assert deepest[0, :5, 24, 24].tolist() == pytest.approx(
        [0.8492, 3.9472, -2.1772, 5.4921, 8.1379], abs=1e-3
    )


def test_the_contract_keeps_the_visible_frames_chroma() -> None:
    network = build_model({"encoder": "lite0", "pretrained": False})
    contract = ContractModel(network, 64, 64).eval()
    rgb = torch.randint(90, 160, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        fused, _ = contract(rgb, torch.randint(90, 160, (1, 64, 64), dtype=torch.uint8))
    inside = ((fused > 0) & (fused < 255)).all(-1)
    before, after = ((image[..., 0].int() - image[..., 2].int())[inside] for image in (rgb, fused))
    assert inside.float().mean() > 0.5
    assert (before - after).abs().max() <= 1


@pytest.mark.parametrize("size", [(64, 96), (70, 101)])
def test_an_exported_file_computes_what_the_network_does_at_any_size(
    size: tuple[int, int], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = build_model({"encoder": "lite0", "pretrained": False})
    path = tmp_path / "model.onnx"
    export(network, path, size, {"model_version": "test", "trained_on": "nothing", "licence": "none"})
    model = load_engine(path, "onnxruntime").model
    assert (model.height, model.width) == size
    assert model.properties["trained_on"] == "nothing"


def test_cost_by_hand() -> None:
    class OneConvolution(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(4, 8, 3, padding=1, groups=2)

        def forward(self, rgb: torch.Tensor, ir: torch.Tensor) -> torch.Tensor:
            return self.conv(torch.cat((rgb, ir), 1))

    network = OneConvolution()
    assert count_parameters(network) == 8 * 2 * 9 + 8
    assert count_macs(network, (6, 10)) == 6 * 10 * 8 * 2 * 9  # type: ignore[arg-type]

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from mtvif_ros.engines import load_engine
from mtvif_ros.engines.openvino import shared_core
from mtvif_ros.model_file import read_model_file
from tests.training import tiny
from training.model import Cascade, Network
from training.model.contract import ContractModel
from training.model.cost import count_macs, count_parameters
from training.model.decoders import spread_cells
from training.model.decoders.pyramid import FeaturePyramid
from training.model.encoders import ENCODERS
from training.model.luma import luma_of
from training.model.network import DECODERS
from training.model.onnx_file import write_onnx


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(("batch", "size"), [(1, (32, 32)), (3, (64, 96))])
def test_every_encoder_works_with_every_decoder(
    encoder: str, decoder: str, batch: int, size: tuple[int, int]
) -> None:
    network = tiny.network(encoder, decoder=decoder).eval()
    change, cells = network(torch.rand(batch, 3, *size), torch.rand(batch, 1, *size))
    assert change.shape == (batch, 1, *size)
    if decoder == "fusion":
        assert cells is None
    else:
        assert spread_cells(cells).shape == (batch, 9, size[0] // 2, size[1] // 2)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_weight_of_every_network_is_trained(encoder: str, decoder: str) -> None:
    network = tiny.network(encoder, decoder=decoder)
    change, cells = network(torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64))
    (change.square().sum() + (0 if cells is None else cells.square().sum())).backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_bf16_frames_work_in_a_bf16_network() -> None:
    network = tiny.network("patch").to(torch.bfloat16).eval()
    rgb, ir = torch.rand(1, 3, 32, 32).bfloat16(), torch.rand(1, 1, 32, 32).bfloat16()
    change, cells = network(rgb, ir)
    assert change.dtype == torch.float32 and cells.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("rgb", "ir", "message"),
    [
        (torch.rand(1, 3, 50, 64), torch.rand(1, 1, 50, 64), "multiples of 32"),
        (torch.rand(1, 3, 32, 32), torch.rand(1, 1, 32, 64), r"\(N, 1, H, W\)"),
        (torch.rand(3, 32, 32), torch.rand(1, 32, 32), r"\(N, 3, H, W\)"),
        (torch.ones(1, 3, 32, 32).byte(), torch.ones(1, 1, 32, 32).byte(), "divide bytes by 255"),
        (torch.rand(1, 3, 32, 32), torch.rand(1, 1, 32, 32).half(), "one floating-point type"),
    ],
)
def test_frames_that_do_not_fit_are_refused_with_what_to_do(
    rgb: torch.Tensor, ir: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tiny.network()(rgb, ir)


def test_fusion_starts_as_the_brighter_of_both_frames() -> None:
    network = tiny.network("patch").eval()
    rgb, ir = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        change, _ = network(rgb, ir)
    torch.testing.assert_close(luma_of(rgb) + change, torch.maximum(luma_of(rgb), ir), rtol=0, atol=1 / 255)


@pytest.mark.parametrize(("output", "other"), [(0, "segmentation"), (1, "fusion")])
def test_the_tasks_share_everything_but_their_heads(output: int, other: str) -> None:
    network = tiny.network("patch")
    outputs = network(torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64))
    outputs[output].square().sum().backward()
    weights = dict(network.named_parameters())
    untouched = {name for name, weight in weights.items() if weight.grad is None}
    assert untouched == {name for name in weights if name.startswith(f"decoder.{other}.")}


def test_a_cascades_segmentation_leaves_its_fusion_alone() -> None:
    network = tiny.network(decoder="cascade")
    assert isinstance(network, Cascade)
    _, cells = network(torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64))
    cells.square().sum().backward()
    assert all(weight.grad is None for weight in network.fusion.parameters())


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"encoder": "lite0", "hidden": {"blocks.99": 8}}, "blocks.99.*infrared.0.*blocks.12"),
        ({"encoder": "lite0", "hidden": {"blocks.3": 96}, "pretrained": True}, "pretrained: false"),
        ({"encoder": "plain", "hidden": {"blocks.3": 96}}, "this encoder has none"),
    ],
)
def test_widths_that_an_encoder_cannot_have_are_refused(model: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=rf"model\.hidden: .*{told}"):
        tiny.network(**model)


def test_one_head_costs_at_most_six_tenths_of_a_cascade() -> None:
    head, cascade = (tiny.network("patch", decoder=decoder) for decoder in ("multitask", "cascade"))
    assert count_parameters(head) <= 0.6 * count_parameters(cascade)
    assert count_macs(head, (480, 640)) <= 0.6 * count_macs(cascade, (480, 640))


def test_pretrained_features_are_those_of_the_published_network() -> None:
    """The values are what `efficientnet-lite-pytorch` gives, far from borders, where padding differs."""
    encoder = tiny.network("lite0", pretrained=True).eval().encoder
    axis = torch.arange(768.0)
    waves = [(torch.sin(axis * f) + torch.cos(axis[:, None] * f * 0.7) + 2) / 4 for f in (0.05, 0.11, 0.23)]
    with torch.no_grad():
        deepest = encoder(torch.stack(waves)[None], torch.zeros(1, 1, 768, 768))[-1]
    assert deepest[0, :5, 12, 12].tolist() == pytest.approx(
        [1.0577, -7.0334, -1.1487, -1.3793, -1.2685], abs=1e-3
    )


def test_a_pretrained_network_first_takes_what_is_warm_and_dark_as_grey_light() -> None:
    encoder = tiny.network("lite0", pretrained=True).eval().encoder
    ir = torch.rand(1, 1, 64, 64)
    dark, grey = torch.zeros(1, 3, 64, 64), ir.expand(-1, 3, -1, -1)
    with torch.no_grad():
        warm_in_the_dark, seen_by_both = encoder(dark, ir), encoder(grey, ir)
    for one, other in zip(warm_in_the_dark, seen_by_both):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def test_the_contract_keeps_the_visible_frames_chroma() -> None:
    network = tiny.network("patch")
    contract = ContractModel(network).eval()
    rgb = torch.randint(90, 160, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        fused = contract(rgb, torch.randint(90, 160, (1, 64, 64), dtype=torch.uint8))[0]
    inside = ((fused > 0) & (fused < 255)).all(-1)
    before, after = ((image[..., 0].int() - image[..., 2].int())[inside] for image in (rgb, fused))
    assert inside.float().mean() > 0.5
    assert (before - after).abs().max() <= 1


def undecided() -> Network:
    """Return a network that sees every class somewhere; a new one sees background."""
    torch.manual_seed(0)
    network = tiny.network("patch").eval()
    torch.nn.init.normal_(network.get_parameter("decoder.segmentation.logits.weight"))
    torch.nn.init.zeros_(network.get_parameter("decoder.segmentation.logits.bias"))
    return network


def test_a_new_network_sees_background() -> None:
    torch.manual_seed(0)
    network = tiny.network("patch").eval()
    with torch.no_grad():
        _, cells = network(torch.rand(1, 3, 64, 96), torch.rand(1, 1, 64, 96))
    assert spread_cells(cells).softmax(1)[:, 0].mean() == pytest.approx(100 / 108, abs=0.02)


@pytest.mark.parametrize("decoder", DECODERS)
def test_pyramids_add_maps_of_one_scale(decoder: str) -> None:
    torch.manual_seed(0)
    network = tiny.network("lite0", decoder=decoder)
    spread: list[float] = []

    def keep(module: torch.nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        spread.append(output.detach().std().item())

    pyramids = [module for module in network.modules() if isinstance(module, FeaturePyramid)]
    assert pyramids
    for pyramid in pyramids:
        for layer in (*pyramid.lateral, *pyramid.reduce):
            layer.register_forward_hook(keep)
    network(torch.rand(4, 3, 64, 96), torch.rand(4, 1, 64, 96))
    assert spread == pytest.approx([1.0] * len(spread), abs=0.05)


def test_the_contracts_mask_is_the_best_class_of_the_logits_that_losses_judge() -> None:
    network = undecided()
    rgb = torch.randint(0, 256, (1, 64, 96, 3), dtype=torch.uint8)
    ir = torch.randint(0, 256, (1, 64, 96), dtype=torch.uint8)
    with torch.no_grad():
        mask = ContractModel(network)(rgb, ir)[1]
        _, cells = network(rgb.permute(0, 3, 1, 2) / 255, ir[None] / 255)
    best = spread_cells(cells).argmax(1)
    assert len(best.unique()) > 3
    assert torch.equal(mask.long(), best.repeat_interleave(2, 1).repeat_interleave(2, 2))


@pytest.mark.parametrize(("size", "precision"), [((70, 101), "fp32"), ((64, 96), "fp16")])
def test_an_exported_file_computes_what_the_network_does_at_any_size(
    size: tuple[int, int], precision: str, tmp_path: Path
) -> None:
    network = undecided()
    path = tmp_path / "model.onnx"
    described = {"model_version": "test", "trained_on": "nothing", "licence": "none"}
    write_onnx(network, path, described, precision)
    engine = load_engine(path, "onnxruntime", size=size, confidence=True)
    model = engine.model
    assert model.precision == precision
    assert (model.size, engine.size) == (None, size)
    assert model.properties["trained_on"] == "nothing"
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (*size, 3), np.uint8)
    ir = rng.integers(0, 256, size, np.uint8)
    fused, mask, confidence = engine.infer(rgb, ir)
    with torch.no_grad():
        wanted, classes, certain = ContractModel(network)(
            torch.from_numpy(rgb)[None], torch.from_numpy(ir)[None]
        )
    assert np.abs(fused.astype(int) - wanted[0].numpy()).max() <= 2
    assert len(np.unique(mask)) > 3
    assert (mask == classes[0].numpy()).mean() > 0.99
    assert confidence is not None
    assert np.abs(confidence.astype(int) - certain[0].numpy()).mean() < (1 if precision == "fp32" else 5)


@pytest.mark.parametrize("size", [(64, 96), (70, 101)])
def test_a_file_of_open_size_compiles_to_what_a_fixed_file_does(
    size: tuple[int, int], tmp_path: Path
) -> None:
    """Padding, cropping and shapes all fold; nothing of them is left where the stride divides the size."""
    network, layers = undecided(), []
    for name, fixed in (("open", None), ("fixed", size)):
        path = tmp_path / f"{name}.onnx"
        write_onnx(network, path, {}, size=fixed)
        content = read_model_file(path).content(size)
        core = shared_core()
        nodes = core.compile_model(core.read_model(content), "CPU").get_runtime_model().get_ops()
        kinds = Counter(node.get_rt_info()["layerType"].astype(str) for node in nodes)
        layers.append(kinds - Counter({"Const": kinds["Const"]}))
    assert layers[0] == layers[1]
    assert ("StridedSlice" in layers[0]) == bool(size[0] % network.stride)


def test_the_shipped_networks_file_has_few_operations(tmp_path: Path) -> None:
    """Each costs its launch on a GPU, and its pass through memory on a CPU."""
    write_onnx(tiny.network("patch").eval(), tmp_path / "model.onnx", {}, size=(480, 640))
    model = read_model_file(tmp_path / "model.onnx")
    for confidence, most in ((True, 120), (False, 110)):
        content = model.content((480, 640), confidence)
        assert len(onnx.load_from_string(content).graph.node) <= most


def test_a_network_without_segmentation_is_not_exported(tmp_path: Path) -> None:
    network = tiny.network(decoder="fusion")
    with pytest.raises(ValueError, match="no segmentation"):
        write_onnx(network, tmp_path / "model.onnx", {})


class OneConvolution(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(4, 8, 3, padding=1, groups=2)

    def forward(self, rgb: torch.Tensor, ir: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.cat((rgb, ir), 1))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_cost_by_hand_is_counted_where_the_network_is(device: str) -> None:
    network = OneConvolution().to(device)
    assert count_parameters(network) == 8 * 2 * 9 + 8
    assert count_macs(network, (6, 10)) == 6 * 10 * 8 * 2 * 9  # type: ignore[arg-type]

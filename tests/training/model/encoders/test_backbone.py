import sys
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mtvif_ros.imaging.fuse import Fuser
from mtvif_ros.recordings.pair_folder import PairFiles, find_pairs
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.training import tiny
from training.loop.state import begin
from training.loop.step import Step
from training.model.cost import count_macs
from training.model.encoders.backbone import TimmEncoder, load_timm
from training.model.onnx_file import write_onnx
from training.quantise import quantise
from training.scoring.parity import Parity, compare_outputs, outputs_of

CNN, MOBILE, HYBRID, PYRAMID, VIT = (
    "test_resnet", "test_efficientnet", "edgenext_xx_small", "pvt_v2_b0", "test_vit"
)  # fmt: skip
KINDS = [CNN, MOBILE, VIT, *(pytest.param(name, marks=pytest.mark.long) for name in (HYBRID, PYRAMID))]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[PairFiles]:
    """Two small rendered pairs, of two sizes."""
    root = tmp_path_factory.mktemp("pairs")
    for folder in ("vi", "ir"):
        (root / folder).mkdir()
    for width, height in ((160, 128), (224, 100)):
        frame = RoadScene(SceneConfig(seed=1, width=width, height=height)).frame(40)
        cv2.imwrite(str(root / "vi" / f"{width}.png"), frame.rgb[..., ::-1])
        cv2.imwrite(str(root / "ir" / f"{width}.png"), frame.ir)
    return find_pairs(root)


class Exported(NamedTuple):
    """A file of a network that has learnt for a step, and the weights that no gradient reached."""

    path: Path
    unreached: list[str]


@pytest.fixture(scope="module", params=KINDS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    torch.manual_seed(0)
    config = tiny.config(tiny.settings(f"timm/{request.param}"))
    state = begin(config, torch.device("cpu"))
    frames = torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64)
    Step(config, state, shared=False)(*frames, torch.rand(2, 9, 32, 32) > 0.3, None)
    network = state.network
    network.zero_grad()
    change, cells = network(*frames)
    assert cells is not None
    (change.square().sum() + cells.square().sum()).backward()
    unreached = [name for name, weight in network.named_parameters() if weight.grad is None]
    # Classes that lie close together tell more than background everywhere.
    torch.nn.init.normal_(network.get_parameter("decoder.segmentation.logits.weight"))
    torch.nn.init.zeros_(network.get_parameter("decoder.segmentation.logits.bias"))
    path = tmp_path_factory.mktemp("exported") / f"{request.param}.onnx"
    write_onnx(network.eval(), path, {})
    return Exported(path, unreached)


def test_every_weight_of_every_kind_of_backbone_is_trained(exported: Exported) -> None:
    assert exported.unreached == []


def parity(pairs: list[PairFiles], *files: tuple[Path, str]) -> Parity:
    return compare_outputs(*(outputs_of(Fuser(path, backend), pairs) for path, backend in files))


def test_backends_agree_on_every_kind_of_backbone(exported: Exported, pairs: list[PairFiles]) -> None:
    agreed = parity(pairs, *((exported.path, backend) for backend in ("onnxruntime", "openvino")))
    assert agreed.within_one == 1.0 and agreed.mask_equal > 0.95


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_int8_gives_nearly_the_same_at_other_sizes_than_it_was_calibrated_on(
    exported: Exported, backend: str, pairs: list[PairFiles]
) -> None:
    small = exported.path.with_name(f"{exported.path.stem}_int8.onnx")
    if not small.exists():
        quantise(exported.path, small, pairs[:1])
    agreed = parity(pairs, (exported.path, "onnxruntime"), (small, backend))
    assert agreed.psnr > 30 and agreed.mask_equal > 0.85


@pytest.mark.parametrize(("name", "bridged"), [(MOBILE, set()), (VIT, {"4", "8", "32"})])
def test_features_lie_at_the_strides_4_to_32(name: str, bridged: set[str]) -> None:
    encoder = TimmEncoder(name, pretrained=False).eval()
    assert set(encoder.bridges) == bridged
    with torch.no_grad():
        features = encoder(torch.rand(2, 3, 64, 96), torch.rand(2, 1, 64, 96))
    assert [tuple(one.shape) for one in features] == [
        (2, width, 64 // stride, 96 // stride) for width, stride in zip(encoder.channels, (4, 8, 16, 32))
    ]


@pytest.mark.parametrize("camera", [0, 1])
def test_both_cameras_reach_the_backbone(camera: int) -> None:
    torch.manual_seed(0)
    encoder = TimmEncoder(CNN, pretrained=False).eval()
    frames = [torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)]
    with torch.no_grad():
        before = encoder(*frames)
        frames[camera] = 1 - frames[camera]
        after = encoder(*frames)
    assert all(not torch.allclose(one, other) for one, other in zip(before, after))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, torch.Tensor], Path]:
    """Weights of a colour network, as timm saves them, and their file."""
    torch.manual_seed(5)
    weights = load_timm().create_model(CNN).state_dict()
    path = tmp_path_factory.mktemp("published") / "colour.safetensors"
    save_file(weights, path)
    return weights, path


def test_a_file_of_colour_weights_starts_a_backbone_that_sees_infrared_too(
    published: tuple[dict[str, torch.Tensor], Path],
) -> None:
    weights, path = published
    loaded = TimmEncoder(CNN, checkpoint=path).backbone.state_dict()
    first = next(name for name, one in weights.items() if one.ndim == 4)
    shared = {name for name in loaded if name in weights and name != first}
    assert len(shared) > 20 and all(torch.equal(loaded[name], weights[name]) for name in shared)
    colour, infrared = loaded[first].split((3, 1), 1)
    torch.testing.assert_close(colour, weights[first] * 3 / 4)
    assert infrared.abs().sum() > 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("test_resnets", "timm .* has no model test_resnets; did you mean test_resnet"),
        (
            "crossvit_tiny_240",
            "timm/crossvit_tiny_240 has features at stride 12, 17; the network",
        ),
        ("mobilevitv2_050", "timm/mobilevitv2_050 gives no features of frames of every size"),
    ],
)
def test_a_model_that_gives_no_pyramid_is_refused(name: str, told: str) -> None:
    with pytest.raises(ValueError, match=rf"^model\.encoder: {told}"):
        TimmEncoder(name, pretrained=False)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hidden": {"blocks.1": 8}}, r"model\.hidden: unknown names \['blocks\.1'\]; this encoder has none"),
        ({"checkpoint": Path("none.pth")}, r"model\.checkpoint: none\.pth does not exist"),
    ],
)
def test_what_a_backbone_cannot_start_from_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        TimmEncoder(CNN, **settings)


def test_weights_of_another_model_are_refused(
    published: tuple[dict[str, torch.Tensor], Path], tmp_path: Path
) -> None:
    _, path = published
    with pytest.raises(ValueError, match=r"model\.checkpoint: .* has no weights .*test_efficientnet"):
        TimmEncoder(MOBILE, checkpoint=path)
    (tmp_path / "text.pth").write_text("none")
    with pytest.raises(ValueError, match=r"model\.checkpoint: .*text\.pth has no weights of test_resnet: "):
        TimmEncoder(CNN, checkpoint=tmp_path / "text.pth")


def test_weights_that_cannot_be_downloaded_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"model\.pretrained: .*model\.checkpoint, or set"):
        TimmEncoder(CNN, pretrained=True)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match="timm/NAME needs the Python module timm; pip"):
        TimmEncoder(CNN, pretrained=False)


def test_linear_layers_count_as_work() -> None:
    network = tiny.network(f"timm/{VIT}").eval()
    layers = [one for one in network.modules() if isinstance(one, torch.nn.Linear)]
    tokens = np.prod([64 // 16, 64 // 16]) + 1
    linear = sum(int(tokens) * layer.weight.numel() for layer in layers)
    assert linear > 0 and count_macs(network, (64, 64)) > linear

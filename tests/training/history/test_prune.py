from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training import tiny
from training.config import Config, check, plain
from training.data.mixture import sample_batches
from training.history.prune import main
from training.model import Network, build_model
from training.model.checkpoint import CHECKPOINT, load_checkpoint, load_network, save_checkpoint
from training.model.cost import count_macs, count_parameters
from training.model.encoders.lite0 import Lite0Encoder

# Channels inside the blocks: few, so that pruning is quick.
HIDDEN = {f"blocks.{index}": 32 for index in range(1, 13)}


def run(path: Path, encoder: str = "lite0") -> Path:
    torch.manual_seed(0)
    config = tiny.config(tiny.settings(encoder, hidden=HIDDEN if encoder == "lite0" else {}))
    network = build_model(config.model)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias, std=0.3)
    state = {"average": network.state_dict(), "step": 10, "config": plain(config)}
    save_checkpoint(path / CHECKPOINT, state)
    return path


@torch.no_grad()
def first_features(network: Network, rgb: Tensor, ir: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the first block and infrared's first step give."""
    encoder = network.encoder
    assert isinstance(encoder, Lite0Encoder)
    seen = torch.cat((rgb, encoder.excess(rgb, ir)), 1)
    return encoder.blocks[0](encoder.stem(seen)), encoder.infrared[0](ir)


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    whole = run(tmp_path_factory.mktemp("whole"))
    narrow = tmp_path_factory.mktemp("narrow")
    main(["--run", str(whole), "--data", str(whole), "--out", str(narrow), "--most", "0.02"])
    return whole, narrow


def test_a_narrower_network_costs_less_and_gives_nearly_the_same(pruned: tuple[Path, Path]) -> None:
    whole, narrow = (load_network(path) for path in pruned)
    assert count_parameters(narrow) < count_parameters(whole)
    assert count_macs(narrow, (64, 64)) < 0.95 * count_macs(whole, (64, 64))
    config = check(Config, load_checkpoint(pruned[0] / CHECKPOINT)["config"], "run")
    rgb, ir = next(iter(sample_batches(config, pruned[0], 1)))
    (before, infrared), (after, refitted) = (first_features(network, rgb, ir) for network in (whole, narrow))
    for one, other in ((before, after), (infrared, refitted)):
        variance = (one - one.mean((0, 2, 3), keepdim=True)).square().mean()
        assert (other - one).square().mean() < 0.02 * variance


def test_a_narrower_network_is_a_run_whose_config_says_its_widths(pruned: tuple[Path, Path]) -> None:
    _, narrow = pruned
    model = check(Config, load_checkpoint(narrow / CHECKPOINT)["config"], "run").model
    assert model.hidden
    assert all(width % 16 == 0 for width in model.hidden.values())
    build_model(model).load_state_dict(load_checkpoint(narrow / CHECKPOINT)["average"])


@pytest.mark.long
def test_a_network_may_be_pruned_again(pruned: tuple[Path, Path], tmp_path: Path) -> None:
    whole, _ = pruned
    once, twice = tmp_path / "once", tmp_path / "twice"
    main(["--run", str(whole), "--data", str(whole), "--out", str(once), "--most", "2e-4"])
    main(["--run", str(once), "--data", str(whole), "--out", str(twice), "--most", "0.02"])
    sizes = [count_parameters(load_network(path)) for path in (whole, once, twice)]
    assert sizes[0] > sizes[1] > sizes[2]


def test_a_network_without_such_channels_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(
            ["--run", str(run(tmp_path, "plain")), "--data", str(tmp_path), "--out", str(tmp_path / "narrow")]
        )
    assert "nothing to prune" in capsys.readouterr().err


def test_a_loss_that_is_no_share_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--run", str(tmp_path), "--data", str(tmp_path), "--out", str(tmp_path), "--most", "5"])
    assert "--most is 5.0, expected a number between 0 and 1" in capsys.readouterr().err


def test_a_run_without_a_checkpoint_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--run", str(tmp_path / "none"), "--data", str(tmp_path), "--out", str(tmp_path / "narrow")])
    assert "none/checkpoint.pt" in capsys.readouterr().err

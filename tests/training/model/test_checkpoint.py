from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mtvif_ros.classes import STREET, with_colours
from tests.training import tiny
from training.model import Network, build_model
from training.model.checkpoint import CHECKPOINT, load_network, load_weights, save_checkpoint, save_weights

_ROOT = Path(__file__).parents[3]


def network(seed: int) -> Network:
    torch.manual_seed(seed)
    return tiny.network().eval()


def test_a_weights_file_starts_a_network_where_another_ended(tmp_path: Path) -> None:
    old, new = network(1), network(2)
    save_weights(old, tmp_path / "old.safetensors")
    load_weights(new, tmp_path / "old.safetensors")
    frames = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        wanted, given, untaught = (one(*frames)[1] for one in (old, new, network(2)))
    assert wanted is not None and given is not None and untaught is not None
    assert (wanted - given).abs().max() < 0.02 * (wanted - untaught).abs().max()


def test_what_no_weight_fits_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = network(1), network(2)
    old.decoder.segmentation.logits = torch.nn.Conv2d(32, 4, 1)  # type: ignore[union-attr]
    save_weights(old, tmp_path / "old.safetensors")
    load_weights(new, tmp_path / "old.safetensors")
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.endswith("decoder.segmentation.logits.bias, decoder.segmentation.logits.weight")


@pytest.mark.parametrize("names", [("floor", "person"), tuple("abcdefghi")])
def test_weights_of_other_classes_keep_all_but_the_last_layer(
    names: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_weights(network(1), tmp_path / "street.safetensors")
    new = build_model(tiny.settings(), with_colours(names))
    others = load_weights(new, tmp_path / "street.safetensors")
    assert others == ["decoder.segmentation.logits.bias", "decoder.segmentation.logits.weight"]
    told = capsys.readouterr().out
    assert "has other classes (background, car, " in told and "the last layer starts anew" in told


def test_weights_of_a_narrower_encoder_are_refused_with_the_widths_to_set(tmp_path: Path) -> None:
    save_weights(tiny.network("lite0", hidden={"blocks.3": 96}), tmp_path / "narrow.safetensors")
    with pytest.raises(ValueError, match=r"other widths.*set model\.hidden: \{.*'blocks\.3': 96"):
        load_weights(tiny.network("lite0"), tmp_path / "narrow.safetensors")


def test_weights_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"initial: .*none\.safetensors does not exist"):
        load_weights(network(1), tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.safetensors cannot be read"):
        load_weights(network(1), tmp_path / "text.safetensors")
    save_file({"other": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"no tensor of .*other\.safetensors fits"):
        load_weights(network(1), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        save_weights(network(1), tmp_path / "weights.pt")


def test_a_run_of_code_with_another_network_is_refused_with_what_to_do(tmp_path: Path) -> None:
    average = network(1).state_dict()
    average["decoder.fusion.excess.bias"] = average.pop("decoder.fusion.share.bias")
    named = [[name, list(colour)] for name, colour in STREET]
    state = {"average": average, "config": {"model": {"encoder": "plain"}}, "classes": named}
    save_checkpoint(tmp_path / CHECKPOINT, state)
    with pytest.raises(ValueError, match=r"initial: .*decoder\.fusion\.share\.bias"):
        load_network(tmp_path)


def test_a_damaged_or_foreign_checkpoint_is_named(tmp_path: Path) -> None:
    path = tiny.save_run(tmp_path) / CHECKPOINT
    whole = path.read_bytes()
    for content in (b"", b"no weights", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"checkpoint\.pt: is damaged, or no checkpoint; copy it again"):
            load_network(tmp_path)
    for foreign in ({"model": torch.zeros(1)}, [1]):
        torch.save(foreign, path)
        with pytest.raises(ValueError, match=r"checkpoint\.pt: is no checkpoint of this package"):
            load_network(tmp_path)


def test_a_full_disk_is_told_and_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    path = tiny.save_run(tmp_path) / CHECKPOINT
    before = path.read_bytes()
    with tiny.full_disk(200_000):
        with pytest.raises(OSError, match=r"checkpoint\.pt: cannot be written; check the free space"):
            tiny.save_run(tmp_path, seed=1)
        with pytest.raises(OSError, match=r"mine\.safetensors: cannot be written; check the free space"):
            save_weights(network(1), tmp_path / "mine.safetensors")
    assert path.read_bytes() == before

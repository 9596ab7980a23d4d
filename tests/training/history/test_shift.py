from pathlib import Path

import pytest
import torch

from mtvif_ros.classes import CLASS_NAMES
from tests.training import tiny
from training.history.shift import main, shift_run
from training.model.checkpoint import load_network
from training.model.decoders import spread_cells

CURVE = CLASS_NAMES.index("curve")


def run_of(folder: Path, decoder: str = "multitask") -> Path:
    return tiny.save_run(folder, model=tiny.settings(decoder=decoder))


def logits_of(run: Path) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    frames = (torch.rand(1, channels, 64, 64, generator=generator) for channels in (3, 1))
    with torch.no_grad():
        return spread_cells(load_network(run)(*frames)[1])


@pytest.mark.parametrize("decoder", ["multitask", "cascade"])
def test_the_named_classes_logits_move_and_nothing_else(tmp_path: Path, decoder: str) -> None:
    run = run_of(tmp_path / "run", decoder)
    main(["--run", str(run), "--logit", "curve=-1.5", "--out", str(tmp_path / "out")])
    moved = logits_of(tmp_path / "out") - logits_of(run)
    expected = torch.zeros_like(moved)
    expected[:, CURVE] = -1.5
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)
    before, after = (load_network(path).state_dict() for path in (run, tmp_path / "out"))
    changed = [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]
    assert changed == ["decoder.segmentation.logits.bias"]


def test_what_cannot_be_shifted_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"kerb.*unknown.*curve"):
        shift_run(run_of(tmp_path / "run"), tmp_path / "out", {"kerb": -1.0})
    with pytest.raises(ValueError, match="no segmentation"):
        shift_run(run_of(tmp_path / "fusion", "fusion"), tmp_path / "out", {"curve": -1.0})
    with pytest.raises(FileNotFoundError, match="nothing"):
        shift_run(tmp_path / "nothing", tmp_path / "out", {"curve": -1.0})


@pytest.mark.parametrize("text", ["curve", "curve=much", "curve=", "curve=nan"])
def test_a_shift_that_is_no_number_is_refused(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--run", str(tmp_path), "--logit", text, "--out", str(tmp_path / "out")])
    assert f"--logit: '{text}' is not CLASS=NUMBER" in capsys.readouterr().err

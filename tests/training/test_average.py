from pathlib import Path

import pytest
import torch

from training.average import main
from training.checkpoint import CHECKPOINT, load_network, save_checkpoint
from training.model import build_model


def run(path: Path, seed: int, encoder: str = "plain") -> Path:
    torch.manual_seed(seed)
    model = {"encoder": encoder, "decoder": "multitask", "pretrained": False}
    state = {"average": build_model(model).state_dict(), "config": {"model": model}}
    save_checkpoint(path / CHECKPOINT, state)
    return path


def test_the_mean_of_two_runs_is_a_run(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one", 1), run(tmp_path / "other", 2)
    main(["--runs", str(one), str(other), "--out", str(tmp_path / "mean")])
    networks = [load_network(path).parameters() for path in (one, other, tmp_path / "mean")]
    for a, b, mean in zip(*networks):
        torch.testing.assert_close(mean, (a + b) / 2)


def test_runs_that_have_no_mean_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = run(tmp_path / "one", 1), run(tmp_path / "other", 2, "lite0")
    for second, reason in ((other, "other: its network differs"), (tmp_path / "none", "none/checkpoint.pt")):
        with pytest.raises(SystemExit):
            main(["--runs", str(one), str(second), "--out", str(tmp_path / "mean")])
        assert reason in capsys.readouterr().err

from pathlib import Path

import pytest
import torch

from training.checkpoint import CHECKPOINT, save_checkpoint
from training.export import main
from training.model import build_model


def test_a_run_becomes_a_model_file_and_an_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    config = {"model": {"encoder": "plain"}}
    state = {"average": build_model(config["model"]).state_dict(), "config": config, "step": 7}
    save_checkpoint(tmp_path / "run" / CHECKPOINT, state)
    out = tmp_path / "model.onnx"
    size = ["--height", "64", "--width", "96", "--compute-capability", "8.6"]
    main(["--run", str(tmp_path / "run"), "--out", str(out), *size])
    assert out.is_file() and (tmp_path / "model.engine").stat().st_size > 100_000
    assert "M parameters" in capsys.readouterr().out

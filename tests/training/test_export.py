from pathlib import Path

import pytest
import torch

from mtvif_ros.model_file import read_model_file
from tests.training import tiny
from training.export import main
from training.model import build_model
from training.model.checkpoint import CHECKPOINT, save_checkpoint, save_weights


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


def test_a_network_without_segmentation_is_told_what_to_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"model": {"encoder": "plain", "decoder": "fusion", "pretrained": False}}
    state = {"average": build_model(config["model"]).state_dict(), "config": config, "step": 7}
    save_checkpoint(tmp_path / "run" / CHECKPOINT, state)
    with pytest.raises(SystemExit) as ended:
        main(["--run", str(tmp_path / "run"), "--out", str(tmp_path / "model.onnx")])
    assert ended.value.code == 1
    assert "gives no segmentation: export multitask or cascade" in capsys.readouterr().err


def config_with_weights(folder: Path, **model: str) -> Path:
    torch.manual_seed(0)
    save_weights(tiny.network(), folder / "given.safetensors")
    config = folder / "config.yaml"
    config.write_text(f"model: {{encoder: plain}}\ninitial: {folder}/given.safetensors\n")
    return config


def test_weights_are_exported_as_they_are_given_at_any_size(tmp_path: Path) -> None:
    config, out = config_with_weights(tmp_path), tmp_path / "small.onnx"
    again = tmp_path / "again.safetensors"
    size = ["--height", "64", "--width", "96"]
    main(["--config", str(config), "--out", str(out), "--weights", str(again), *size])
    assert again.read_bytes() == (tmp_path / "given.safetensors").read_bytes()
    model = read_model_file(out)
    assert (model.height, model.width) == (64, 96)
    assert model.version.endswith("+given")


def test_weights_of_a_part_of_the_network_are_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_with_weights(tmp_path, decoder="fusion")
    with pytest.raises(SystemExit):
        main(["--config", str(config), "--out", str(tmp_path / "half.onnx")])
    assert "weights for a part of the network only" in capsys.readouterr().err


def test_a_config_that_starts_from_nothing_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.yaml").write_text("model: {encoder: plain}\n")
    with pytest.raises(SystemExit):
        main(["--config", str(tmp_path / "new.yaml"), "--out", str(tmp_path / "none.onnx")])
    assert "no weights to export" in capsys.readouterr().err

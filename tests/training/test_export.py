from pathlib import Path

import pytest
import torch
import yaml

from mtvif_ros.model_file import read_model_file
from tests.training import tiny
from training.export import main
from training.model.checkpoint import save_weights

SMALL = ["--size", "64x96"]


def test_a_run_becomes_a_model_file_and_an_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = tiny.save_run(tmp_path / "run"), tmp_path / "model.onnx"
    main(["--run", str(run), "--out", str(out), "--compute-capability", "8.6"])
    assert out.is_file() and (tmp_path / "model.engine").stat().st_size > 100_000
    assert "M parameters" in capsys.readouterr().out


def test_a_network_without_segmentation_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tiny.save_run(tmp_path / "run", model=tiny.settings(decoder="fusion"))
    with pytest.raises(SystemExit) as ended:
        main(["--run", str(run), "--out", str(tmp_path / "model.onnx")])
    assert ended.value.code == 1
    assert "has no segmentation: export multitask or cascade" in capsys.readouterr().err


def config_with_weights(folder: Path, decoder: str = "multitask") -> Path:
    """A config of a multi-task network that starts from weights of a network with `decoder`."""
    torch.manual_seed(0)
    save_weights(tiny.network(decoder=decoder), folder / "given.safetensors")
    config = tiny.plain_config() | {"initial": str(folder / "given.safetensors")}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder / "config.yaml"


def test_a_configs_initial_weights_are_exported_unchanged_for_one_size(tmp_path: Path) -> None:
    config, out = config_with_weights(tmp_path), tmp_path / "small.onnx"
    again = tmp_path / "again.safetensors"
    main(["--config", str(config), "--out", str(out), "--weights", str(again), *SMALL])
    assert again.read_bytes() == (tmp_path / "given.safetensors").read_bytes()
    model = read_model_file(out)
    assert model.size == (64, 96)
    assert model.version.endswith("+given")


def test_weights_of_a_part_of_the_network_are_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_with_weights(tmp_path, decoder="fusion")
    with pytest.raises(SystemExit):
        main(["--config", str(config), "--out", str(tmp_path / "half.onnx")])
    assert "weights for a part of the network only" in capsys.readouterr().err


def test_a_config_without_initial_weights_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(tiny.plain_config()))
    with pytest.raises(SystemExit):
        main(["--config", str(tmp_path / "new.yaml"), "--out", str(tmp_path / "none.onnx")])
    assert "no weights to export" in capsys.readouterr().err

from pathlib import Path

import pytest
import yaml

from tests.training import tiny
from training.loop.time_step import main


def test_every_way_that_the_device_has_gets_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny.plain_config(batch=1, teacher="not/there.onnx", canvases=9)
    config["loss"] |= {"distillation": 1.0, "features": 1.0, "imitation": 1.0, "steadiness": 1.0}
    config["stages"] = {"first": {"train": {"crop": [32, 32]}}, "last": {}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    main(["--config", str(tmp_path / "small.yaml"), "--steps", "1"])
    title, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("1 of 64x64 on ")
    assert rows and all(float(row.split()[-1]) > 0 for row in rows)


def test_a_config_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--config", "no.yaml"])
    assert "no.yaml" in capsys.readouterr().err

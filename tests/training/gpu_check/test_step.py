from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.training import tiny
from training.gpu_check.command import plan
from training.gpu_check.process import Skipped
from training.gpu_check.step import measure
from training.model.precision import has_fast_bfloat16


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    stages = {"first": {"train": {"crop": [32, 32]}}, "last": {}}
    path.write_text(yaml.safe_dump({**tiny.plain_config(batch=1), "stages": stages}))
    return path


def test_a_step_has_a_duration_and_a_size(config: Path) -> None:
    noted: dict[str, Any] = {}
    measure(noted.update, "cpu", config, steps=1, bf16=False, graphs=False)
    assert noted.pop("step_ms") > 0
    assert noted == {"batch": 1, "crop": [64, 64]}


@pytest.mark.skipif(has_fast_bfloat16(torch.device("cpu")), reason="this processor has bfloat16")
def test_bfloat16_is_skipped_on_a_device_without_it(config: Path) -> None:
    with pytest.raises(Skipped, match="cpu has no instructions for bfloat16"):
        measure(dict[str, Any]().update, "cpu", config, steps=1, bf16=True, graphs=False)


class Noted(Exception):
    """Ends a part at its first note."""


def test_the_config_of_every_planned_step_is_read() -> None:
    def end(noted: dict[str, Any]) -> None:
        raise Noted(noted)

    steps = [one.arguments for one in plan() if one.module == measure.__module__]
    assert steps
    for arguments in steps:
        with pytest.raises(Noted, match="batch"):
            measure(end, **{**arguments, "device": "cpu", "bf16": False})

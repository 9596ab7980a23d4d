from pathlib import Path
from typing import Any

import pytest
import torch

from training.loop.distillation import load_teachers, taught_probabilities
from training.model import build_model
from training.model.checkpoint import CHECKPOINT, save_checkpoint
from training.model.decoders import spread_cells

_CPU = torch.device("cpu")


def run(path: Path, seed: int, decoder: str = "multitask") -> str:
    torch.manual_seed(seed)
    model = {"encoder": "plain", "decoder": decoder, "pretrained": False}
    state = {"average": build_model(model).state_dict(), "step": 1, "config": {"model": model}}
    save_checkpoint(path / CHECKPOINT, state)
    return str(path)


def config(*runs: str, distillation: float = 1.0) -> dict[str, Any]:
    return {"train": {"teachers": list(runs)}, "loss": {"distillation": distillation}}


def test_the_mean_of_all_teachers_is_taught(tmp_path: Path) -> None:
    one, other = load_teachers(config(run(tmp_path / "a", 1), run(tmp_path / "b", 2)), _CPU)
    rgb, ir = torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64)
    taught = taught_probabilities([one, other], rgb, ir)
    alone = [spread_cells(teacher(rgb, ir)[1]).softmax(1) for teacher in (one, other)]
    torch.testing.assert_close(taught, (alone[0] + alone[1]) / 2)
    assert taught.shape == (2, 9, 64, 64) and not taught.requires_grad


def test_a_teacher_that_cannot_teach_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fuses has no segmentation"):
        load_teachers(config(run(tmp_path / "fuses", 1, "fusion")), _CPU)
    with pytest.raises(FileNotFoundError, match="none/checkpoint"):
        load_teachers(config(str(tmp_path / "none")), _CPU)


def test_teachers_without_their_loss_are_refused_and_the_loss_without_teachers(tmp_path: Path) -> None:
    for lonely in (config(), config(run(tmp_path / "a", 1), distillation=0.0)):
        with pytest.raises(ValueError, match="need each other"):
            load_teachers(lonely, _CPU)
    assert load_teachers({"train": {}, "loss": {}}, _CPU) == []

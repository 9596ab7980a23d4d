from pathlib import Path

import pytest
import torch

from tests.training import tiny
from training.loop.distillation import load_teachers, taught_probabilities
from training.model.decoders import spread_cells

_CPU = torch.device("cpu")


def run(path: Path, seed: int, decoder: str = "multitask") -> Path:
    return tiny.save_run(path, seed, tiny.settings(decoder=decoder))


def test_the_mean_of_all_teachers_is_taught(tmp_path: Path) -> None:
    one, other = load_teachers([run(tmp_path / "a", 1), run(tmp_path / "b", 2)], _CPU)
    rgb, ir = torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64)
    taught = taught_probabilities([one, other], rgb, ir)
    alone = [spread_cells(teacher(rgb, ir)[1]).softmax(1) for teacher in (one, other)]
    torch.testing.assert_close(taught, (alone[0] + alone[1]) / 2)
    assert taught.shape == (2, 9, 64, 64) and not taught.requires_grad


def test_a_teacher_that_cannot_teach_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fuses has no segmentation"):
        load_teachers([run(tmp_path / "fuses", 1, "fusion")], _CPU)
    with pytest.raises(FileNotFoundError, match="none/checkpoint"):
        load_teachers([tmp_path / "none"], _CPU)

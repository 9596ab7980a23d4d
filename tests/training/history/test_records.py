from dataclasses import replace
from pathlib import Path

from training.history.records import Validation, cut_history, read_history

VALIDATION = Validation(2, 0.5, {"VIF": 1.0}, {"car": 0.5, "bike": None}, 0.5, [[3, 1], [0, 0]], ["a"])


def test_a_resumed_history_forgets_what_lies_beyond_its_step(tmp_path: Path) -> None:
    path = tmp_path / "run" / "history.jsonl"
    history = cut_history(path, 0)
    for step in (1, 2, 3, 4):
        history.add_losses(step, {"dice": 1.0 / step})
    for step in (2, 4):
        history.add_validation(replace(VALIDATION, step=step))
    assert read_history(path, 99) == history

    resumed = cut_history(path, 3)
    assert list(resumed.losses) == [1, 2, 3] and resumed.validations == [VALIDATION]
    resumed.add_losses(4, {"dice": 9.0})
    again = read_history(path, 99)
    assert again.losses[4] == {"dice": 9.0} and again.validations == [VALIDATION]


def test_a_line_that_a_killed_training_was_writing_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    cut_history(path, 0).add_losses(1, {"dice": 1.0})
    with path.open("a") as file:
        file.write('{"step": 2, "lo')
    assert list(cut_history(path, 2).losses) == [1]


def test_a_run_without_a_history_begins_one(tmp_path: Path) -> None:
    history = cut_history(tmp_path / "history.jsonl", 100)
    assert not history.losses and not history.validations

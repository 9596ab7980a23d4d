"""Keep what a training measured as JSON lines, which a resumed training goes on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HISTORY = "history.jsonl"


@dataclass(frozen=True)
class Validation:
    """Hold what the averaged network scored after `step` steps.

    score: what the best validation is chosen by, see score_of. fusion: by metric. iou, miou, confusion: see
    training.scoring.pairs.Scores. pictures: names of the samples in the folder `pictures`.
    """

    step: int
    score: float
    fusion: dict[str, float]
    iou: dict[str, float | None]
    miou: float | None
    confusion: list[list[int]] | None
    pictures: list[str]


@dataclass
class History:
    """Hold the loss terms by step and the validations in their order; `path` gets what is added."""

    path: Path
    losses: dict[int, dict[str, float]] = field(default_factory=dict)
    validations: list[Validation] = field(default_factory=list)

    def add_losses(self, step: int, terms: dict[str, float]) -> None:
        self.losses[step] = terms
        self._append(_of_losses(step, terms))

    def add_validation(self, validation: Validation) -> None:
        self.validations.append(validation)
        self._append(_of_validation(validation))

    def _append(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(line)


def read_history(path: Path, step: int) -> History:
    """Return what `path` holds of the first `step` steps; empty where there is no file."""
    history = History(path)
    for line in _lines(path):
        if "validation" in line:
            validation = Validation(**line["validation"])
            if validation.step <= step:
                history.validations.append(validation)
        elif line["step"] <= step:
            history.losses[line["step"]] = line["loss"]
    return history


def cut_history(path: Path, step: int) -> History:
    """Return what read_history does, and forget the rest, which a resumed training measures again."""
    history = read_history(path, step)
    lines = [_of_losses(number, terms) for number, terms in history.losses.items()]
    lines += map(_of_validation, history.validations)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text("".join(lines))
    partial.replace(path)
    return history


def _of_losses(step: int, terms: dict[str, float]) -> str:
    return json.dumps({"step": step, "loss": terms}) + "\n"


def _of_validation(validation: Validation) -> str:
    return json.dumps({"validation": asdict(validation)}) + "\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:  # the line that a killed training was writing
            continue

"""The recipe of the shipped network, with a stand-in for every program: training takes 23 hours."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from training.config import PairSource, read_config

_ROOT = Path(__file__).parents[3]
_HISTORY = Path("training/history")
_CONFIGS = Path("training/configs")
# Writes its arguments, one call a line, and makes what --out names.
_PROGRAM = """#!/bin/sh
shift
echo "$@" >> calls
while [ "$1" != --out ]; do shift; done
case "$2" in *.onnx) mkdir -p "$(dirname "$2")"; : > "$2" ;; *) mkdir -p "$2" ;; esac
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout with the recipe, its configs and a program that writes down what it is asked."""
    for folder in (_HISTORY, _CONFIGS):
        shutil.copytree(_ROOT / folder, tmp_path / folder)
    program = tmp_path / "program"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    return tmp_path


def reproduce(copy: Path) -> list[list[str]]:
    """Run the recipe; return the arguments of every call."""
    (copy / "calls").write_text("")
    environment = os.environ | {"PYTHON": str(copy / "program")}
    subprocess.run(
        [copy / _HISTORY / "reproduce.sh", "data"], check=True, env=environment, capture_output=True
    )
    return [line.split() for line in (copy / "calls").read_text().splitlines()]


def read_by(call: list[str]) -> set[str]:
    """What a call takes from runs/ or models/."""
    inputs, option = set(), ""
    for word in call[1:]:
        option = word if word.startswith("--") else option
        if option in ("--run", "--runs", "--donor", "--model", "--bag") and not word.startswith("--"):
            inputs.add(word)
        if option == "--config" and word.endswith(".yaml") and call[0] == "training.train":
            config = read_config(_ROOT / word)
            sources = [source for source in config.train.sources if isinstance(source, PairSource)]
            masks = [source.masks for source in sources]
            made = [source.root / source.path for source in sources if source.root]
            inputs |= {str(one) for one in (config.initial, *masks, *made, *config.train.teachers) if one}
    return inputs


def test_every_step_finds_what_an_earlier_one_wrote(copy: Path) -> None:
    written: set[str] = set()
    for call in reproduce(copy):
        assert read_by(call) <= written, call
        written.add(call[call.index("--out") + 1].removesuffix(".partial"))
    assert {"models/mtvif.onnx", "models/mtvif_fp16.onnx", "models/mtvif_int8.onnx"} <= written


def test_every_round_is_trained(copy: Path) -> None:
    trained = {call[call.index("--config") + 1] for call in reproduce(copy) if call[0] == "training.train"}
    rounds = {str(path.relative_to(copy)) for path in (copy / _HISTORY / "configs").glob("*.yaml")}
    assert trained == rounds | {str(_CONFIGS / "mtvif.yaml")}


def test_what_is_labelled_is_not_labelled_again(copy: Path) -> None:
    first, second = reproduce(copy), reproduce(copy)
    assert any(call[0] == "training.labelling.pseudo_label" for call in first)
    assert not any(call[0] == "training.labelling.pseudo_label" for call in second)


def test_a_training_that_fails_ends_the_recipe(copy: Path) -> None:
    program = copy / "program"
    program.write_text(
        program.read_text().replace("shift\n", 'case "$*" in *"--seed 12"*) exit 1 ;; esac\nshift\n', 1)
    )
    with pytest.raises(subprocess.CalledProcessError):
        reproduce(copy)
    assert "runs/eighth_mean" not in (copy / "calls").read_text()

"""Make a model from its recipe: train its stages, export and quantise, score, and write the manifest.

    python -m training.recipe --config training/configs/mtvif.yaml --data ../shared/data --out runs/mtvif

Repeat the command to resume at the step where it stopped. RUN/models gets the files that the package ships.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

import mtvif_ros
from mtvif_ros.command_line import command_parser, told_plainly, whole_number
from mtvif_ros.machine import this_machine
from mtvif_ros.model_file import read_model_file
from mtvif_ros.recordings.pair_folder import PairFiles, find_pairs
from training.config import (
    AnySource,
    Config,
    PairSource,
    VideoSource,
    add_config_arguments,
    plain,
    read_stages,
)
from training.data.canvases import canvases_key
from training.data.classes import names_of, with_own_classes
from training.data.rendered import list_rendered_pairs, write_rendered_pairs
from training.data.selection import select_pairs, source_title
from training.data.videos import video_paths
from training.evaluate import HELD_OUT_SEED
from training.loop.state import begin
from training.model.checkpoint import load_network, save_weights
from training.model.cost import count_macs, count_parameters
from training.model.onnx_file import write_onnx
from training.quantise import quantise
from training.scoring.evaluation import evaluate
from training.scoring.temperature import fit_temperature
from training.train import train

_CPU = torch.device("cpu")
_CALIBRATION_EVERY = 5
_RENDERED = 48


def check_stages(stages: dict[str, Config], data: Path) -> None:
    """Raise ValueError naming the first stage that could not be trained."""
    keys: set[str] = set()
    for name, stage in stages.items():
        try:
            begin(replace(stage, initial=None, model=stage.model.without_weights()), _CPU)
            if stage.train.teacher is not None:
                keys.add(canvases_key(stage))
            for selection in stage.validate:
                select_pairs(selection, data, names_of(stage))
        except (OSError, ValueError) as error:
            raise ValueError(f"stage {name}: {error}") from error
        if len(keys) > 1:
            raise ValueError(
                f"stage {name}: its sources, paste, canvases, teacher or seed differ from those of the stage "
                "before, whose canvases it shares; move them out of the stages"
            )


def train_stages(stages: dict[str, Config], data: Path, out: Path) -> Path:
    """Train every stage from the average of the one before; return the last one's folder."""
    run, initial = out, None
    for name, stage in stages.items():
        run = out / name
        train(replace(stage, initial=initial or stage.initial), data, run, out / "canvases")
        initial = run
    return run


def write_model_files(
    run: Path,
    calibration: Sequence[PairFiles],
    validation: Sequence[PairFiles],
    out: Path,
    version: str,
) -> list[Path]:
    """Write what the package ships, from a run's average, to the folder `out`; return the paths.

    `calibration` gives the scales of int8, `validation` the temperature of the confidence.
    """
    network = load_network(run)
    properties = {"model_version": version, "licence": "research use", "trained_on": "MSRS, RoadScene, M3SVD"}
    full, half, small = (out / f"mtvif{suffix}.onnx" for suffix in ("", "_fp16", "_int8"))
    write_onnx(network, full, properties)
    write_onnx(network, half, properties, "fp16")
    quantise(full, small, calibration)
    if labelled := [files for files in validation if files.mask is not None]:
        for path in (full, half, small):
            fit_temperature(path, labelled)
    weights = out / "mtvif.safetensors"
    save_weights(network, weights)
    return [full, half, small, weights]


def score_file(model: Path, validation: Sequence[PairFiles]) -> dict[str, Any]:
    """Return the scores of a model file on pairs and on rendered frames of held-out seeds."""
    scores = {"validation": evaluate(model, "auto", validation, {}).as_dict()}
    with TemporaryDirectory() as folder:
        write_rendered_pairs(Path(folder), _RENDERED, HELD_OUT_SEED)
        rendered = list_rendered_pairs(Path(folder), read_model_file(model).classes)
        scores["rendered"] = evaluate(model, "auto", rendered, {}).as_dict()
    return scores


def manifest(stages: dict[str, Config], data: Path, files: Iterable[Path]) -> dict[str, Any]:
    """Return what made `files`: code, settings and hashes of everything that went in and came out."""
    first = next(iter(stages.values()))
    teacher, initial = first.train.teacher, first.initial
    return {
        "commit": _commit(),
        "machine": asdict(this_machine()),
        "seed": first.seed,
        "steps": {name: stage.train.steps for name, stage in stages.items()},
        "stages": {name: plain(stage) for name, stage in stages.items()},
        "teacher": None if teacher is None else _digest([teacher]),
        "initial": None if initial is None else _digest([initial]),
        "data": {
            source_title(source): _digest(_files(source, data, names_of(first)))
            for source in first.train.sources
            if isinstance(source, (PairSource, VideoSource))
        },
        "files": {path.name: _digest([path]) for path in files},
    }


def _files(source: AnySource, data: Path, names: Sequence[str]) -> list[Path]:
    if isinstance(source, VideoSource):
        return list(video_paths(data / source.video))
    assert isinstance(source, PairSource)
    pairs = select_pairs(source, data, names)
    every = [path for one in pairs for path in (one.visible, one.infrared, one.mask, one.boxes)]
    return [path for path in every if path is not None]


def _digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the files' contents, one after the other."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


def _commit() -> str:
    """Return the commit of this code, with a plus sign when files differ from it."""
    here = Path(__file__).parent
    asked = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.recipe", __doc__)
    add_config_arguments(parser, "YAML file with stages")
    parser.add_argument("--out", type=Path, required=True, help="folder for stages, canvases and models")
    parser.add_argument("--calibrate", default="msrs/train", help="pairs below --data; default %(default)s")
    parser.add_argument("--seed", type=whole_number(0), help="replaces the config's")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        stages = read_stages(options.config)
        if options.seed is not None:
            stages = {name: replace(stage, seed=options.seed) for name, stage in stages.items()}
        stages = {name: with_own_classes(stage, options.data) for name, stage in stages.items()}
        check_stages(stages, options.data)
        calibration = find_pairs(options.data / options.calibrate)[::_CALIBRATION_EVERY]
        last = list(stages.values())[-1]
        names = names_of(last)
        validation = [files for one in last.validate for files in select_pairs(one, options.data, names)]
        if not validation:
            raise ValueError(f"{options.config}: validate is empty, but its pairs score the model files")
        run = train_stages(stages, options.data, options.out)
        steps = sum(stage.train.steps for stage in stages.values())
        version = f"{mtvif_ros.__version__}+{last.seed}.{steps}"
        models = options.out / "models"
        files = write_model_files(run, calibration, validation, models, version)
        network = load_network(run)
        made = manifest(stages, options.data, files) | {
            "version": version,
            "parameters": count_parameters(network),
            "macs": count_macs(network, (480, 640)),
            "scores": {path.name: score_file(path, validation) for path in (files[0], files[2])},
        }
        (models / "manifest.json").write_text(json.dumps(made, indent=2) + "\n")
        print(f"{models}: {', '.join(path.name for path in files)} and manifest.json")


if __name__ == "__main__":
    main()

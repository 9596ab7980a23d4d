"""Train variants of one config on equal data and steps, and tabulate their scores.

python -m training.ablate --config training/configs/ablation.yaml --data DATA --out RUNS

Every variant is trained once for each fold, without the fold's frames, and scored on them; one that is
trained already is only scored again. In the end OpenVINO runs all variants in turn, for the median ms of a
pair.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np

from mtvif_ros.benchmark.subjects import foreign_subject
from mtvif_ros.benchmark.timing import time_interleaved
from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.command_line import command_parser, told_plainly
from mtvif_ros.metrics.fusion import METRICS
from training.config import (
    AT_LEAST_ONE,
    Config,
    PairSelection,
    PairSource,
    add_config_arguments,
    check,
    read_plain,
)
from training.data.classes import names_of, with_own_classes
from training.data.coco import BACKGROUND
from training.data.selection import select_pairs
from training.loop.validate import validate
from training.model import Network
from training.model.cost import count_macs, count_parameters
from training.model.onnx_file import write_graph
from training.settings import Rule
from training.train import train

_SIZE = (480, 640)
_OF_STREET = ("car", "person", "bike", "curve")  # the others are rare
_RUNS = 50


@dataclass(frozen=True)
class Fold:
    """Name frames to hold out: the ranges of `numbers` in the sources whose `path` is in `of`."""

    of: tuple[str, ...]
    numbers: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Plan:
    """Hold a base config, its variants' changes by name, and the folds, all as the YAML file has them."""

    base: dict[str, Any]
    folds: Annotated[tuple[Fold, ...], AT_LEAST_ONE]
    variants: Annotated[
        Mapping[str, Mapping[str, Any] | None], Rule("a mapping of names to changed settings", bool)
    ]


def read_plan(path: Path) -> tuple[dict[str, Config], tuple[Fold, ...]]:
    """Return the checked config of every variant by name, and the folds.

    Raises what training.config.check raises, for the plan and for every variant.
    """
    plan = check(Plan, read_plain(path), str(path))
    configs = {
        name: check(Config, vary(plan.base, changes or {}, f"{path}: {name}"), f"{path}: {name}")
        for name, changes in plan.variants.items()
    }
    return configs, plan.folds


def vary(base: Mapping[str, Any], changes: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return a copy of plain settings with `changes`, whose keys are paths such as `model.decoder`.

    The value None removes a key. Raises ValueError, naming `origin`, for a path that leads nowhere.
    """
    varied = copy.deepcopy(dict(base))
    for path, value in changes.items():
        *parents, last = path.split(".")
        section = varied
        for parent in parents:
            if not isinstance(section.get(parent), dict):
                raise ValueError(f"{origin}: {path} leads nowhere, the base has no section {parent}")
            section = section[parent]
        if value is None:
            section.pop(last, None)
        else:
            section[last] = value
    return varied


def hold_out(config: Config, fold: Fold) -> Config:
    """Return a copy that neither trains on the frames of `fold` nor validates on any others."""
    sources = tuple(
        replace(source, skip_numbers=(*source.skip_numbers, *fold.numbers))
        if isinstance(source, PairSource) and source.path in fold.of
        else source
        for source in config.train.sources
    )
    judges = tuple(
        replace(_selection(config, path), only="labelled", numbers=fold.numbers) for path in fold.of
    )
    return replace(config, train=replace(config.train, sources=sources), validate=judges)


def _selection(config: Config, path: str) -> PairSelection:
    """Return what the first source at `path` that may have masks selects, or all pairs there."""
    for source in config.train.sources:
        if isinstance(source, PairSource) and source.path == path and source.only in ("all", "labelled"):
            return PairSelection(**{one.name: getattr(source, one.name) for one in fields(PairSelection)})
    return PairSelection(path=path)


def score_variant(
    config: Config, folds: Sequence[Fold], data: Path, out: Path
) -> tuple[dict[str, float], Network]:
    """Train and score a variant on every fold.

    Returns parameters in millions, GMACs and mean scores by name (NaN: without segmentation), and the network
    of the last fold.
    """
    names = names_of(with_own_classes(config, data))
    shown = _OF_STREET if names == STREET_NAMES else [name for name in names if name != BACKGROUND]
    rows: list[dict[str, float]] = []
    for number, fold in enumerate(folds):
        of_fold = hold_out(config, fold)
        network = train(of_fold, data, out / str(number))
        pairs = [files for selection in of_fold.validate for files in select_pairs(selection, data, names)]
        scores, _ = validate(network, pairs)
        segments = config.model.decoder != "fusion"
        row = {name: scores.iou[name] if segments else None for name in shown} | scores.fusion["model"]
        rows.append({name: np.nan if value is None else value for name, value in row.items()})
    scored = {
        "parameters": count_parameters(network) / 1e6,
        "GMACs": count_macs(network, _SIZE) / 1e9,
        **{name: _mean([row[name] for row in rows]) for name in (*shown, *METRICS)},
    }
    return scored, network


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return statistics.fmean(known) if known else np.nan


def time_networks(networks: Iterable[Network], runs: int = _RUNS) -> list[float]:
    """Return the median ms that OpenVINO takes for a pair of 480x640 on each network, in turn."""
    with TemporaryDirectory() as folder:
        subjects = []
        for number, network in enumerate(networks):
            path = Path(folder) / f"{number}.onnx"
            write_graph(network, path, size=_SIZE)
            subjects.append(foreign_subject(path, "openvino"))
        taken = time_interleaved([subject.run for subject in subjects], runs)
    return [1e3 * statistics.median(each) for each in taken]


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return the scores of all variants as a Markdown table; what is not known stays blank."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [f"| variant | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        lines.append(
            f"| {name} | "
            + " | ".join("" if np.isnan(row.get(one, np.nan)) else f"{row[one]:.3f}" for one in columns)
            + " |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.ablate", __doc__)
    add_config_arguments(parser, "YAML file with base, variants and folds")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs and table.md")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        configs, folds = read_plan(options.config)
        rows: dict[str, dict[str, float]] = {}
        networks: list[Network] = []
        for name, config in configs.items():
            run = options.out / name.replace(" ", "_")
            rows[name], network = score_variant(config, folds, options.data, run)
            networks.append(network)
            (options.out / "table.md").write_text(table(rows))
        for (name, row), milliseconds in zip(rows.items(), time_networks(networks)):
            rows[name] = {"ms": milliseconds, **row}
        (options.out / "table.md").write_text(table(rows))
        print(table(rows), end="")


if __name__ == "__main__":
    main()

"""Train variants of one config on equal data and steps, and tabulate what each scores.

python -m training.ablate --config training/configs/ablation.yaml --data DATA --out RUNS

Each variant is trained once for every fold, on everything but the fold, and scored on the fold. A
variant that is already trained is only scored again.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtvif_ros.command_line import command_parser, told_plainly
from mtvif_ros.metrics.fusion import METRICS
from training.config import read_config
from training.data.selection import select_pairs
from training.loop.validate import validate
from training.model.cost import count_macs, count_parameters
from training.train import train

_SIZE = (480, 640)
_CLASSES = ("car", "person", "bike", "curve")


def vary(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a config with `changes`, whose keys are paths such as `model.decoder`.

    The value None removes a key. Raises KeyError for a path whose parents do not exist.
    """
    config = copy.deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split(".")
        section = config
        for parent in parents:
            section = section[parent]
        if value is None:
            section.pop(last, None)
        else:
            section[last] = value
    return config


def hold_out(config: dict[str, Any], fold: dict[str, Any]) -> dict[str, Any]:
    """Return a copy that neither trains on the frame numbers of `fold` nor validates on others."""
    config = copy.deepcopy(config)
    for source in config["train"]["sources"]:
        if source.get("path") in fold["of"]:
            source["skip_numbers"] = fold["numbers"]
    config["validate"] = [
        {"path": path, "only": "labelled", "numbers": fold["numbers"]} for path in fold["of"]
    ]
    return config


def score_variant(
    config: dict[str, Any], folds: list[dict[str, Any]], data: Path, out: Path
) -> dict[str, float]:
    """Train and score a variant on every fold; return parameters, GMACs and mean scores by name."""
    rows: list[dict[str, float]] = []
    network = None
    for number, fold in enumerate(folds):
        of_fold = hold_out(config, fold)
        network = train(of_fold, data, out / str(number))
        pairs = [files for entry in of_fold["validate"] for files in select_pairs(entry, data)]
        scores, _ = validate(network, pairs)
        row = {name: scores["iou"][name] for name in _CLASSES} | scores["fusion"]["model"]
        rows.append({name: np.nan if value is None else value for name, value in row.items()})
    assert network is not None
    return {
        "parameters": count_parameters(network) / 1e6,
        "GMACs": count_macs(network, _SIZE) / 1e9,
        **{name: float(np.nanmean([row[name] for row in rows])) for name in (*_CLASSES, *METRICS)},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.ablate", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="base, variants and folds")
    parser.add_argument("--data", type=Path, required=True, help="folder that the config's paths start at")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs and table.md")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        plan = read_config(options.config)
        if missing := {"base", "folds", "variants"} - plan.keys():
            raise ValueError(f"{options.config}: lacks {', '.join(sorted(missing))}")
        lines: list[str] = []
        for name, changes in plan["variants"].items():
            config = vary(plan["base"], changes or {})
            row = score_variant(config, plan["folds"], options.data, options.out / name.replace(" ", "_"))
            if not lines:
                lines += [f"| variant | {' | '.join(row)} |", "| --- " * (len(row) + 1) + "|"]
            lines.append(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row.values()) + " |")
            (options.out / "table.md").write_text("\n".join(lines) + "\n")
        print("\n".join(lines))


if __name__ == "__main__":
    main()

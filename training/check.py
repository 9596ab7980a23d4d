"""Check that every file of a config's data can be used, without training.

python -m training.check --config training/configs/mtvif.yaml --data DATA
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.command_line import command_parser, told_plainly
from training.config import check_config, read_config
from training.data.mixture import Source, load_sources


def describe(source: Source) -> str:
    """Say how many samples a source holds, how much of them is labelled and with which classes."""
    known = np.zeros(len(CLASS_NAMES), np.int64)
    pixels = 0
    for sample in source.samples:
        pixels += sample.allowed.size
        known += [np.count_nonzero(sample.allowed == 1 << index) for index in range(len(CLASS_NAMES))]
    classes = " ".join(f"{name} {count / pixels:.2%}" for name, count in zip(CLASS_NAMES, known) if count)
    return f"{len(source.samples)} samples, {known.sum() / pixels:.0%} of pixels labelled: {classes}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 1 when a file cannot be used."""
    parser = command_parser("python -m training.check", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="a file of training/configs")
    parser.add_argument("--data", type=Path, required=True, help="folder that the config's paths start at")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        config = read_config(options.config)
        check_config(config)
        entries = config["train"]["sources"]
        sources = load_sources(entries, options.data)
    for entry, source in zip(entries, sources):
        print(f"{entry.get('path', 'rendered')}: {describe(source)}")


if __name__ == "__main__":
    main()

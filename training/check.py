"""Check a config and every file of its data, without training.

python -m training.check --config training/configs/mtvif.yaml --data DATA
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mtvif_ros.command_line import command_parser, told_plainly
from training.config import AnySource, PairSource, add_config_arguments, read_stages
from training.data.allowed import ClassSets
from training.data.classes import names_of, with_own_classes
from training.data.mixture import Source, load_sources
from training.data.selection import source_title


def describe(source: Source, names: Sequence[str]) -> str:
    """Return the number of samples, the labelled share of their pixels, and the share of each class."""
    known = np.zeros(len(names), np.int64)
    pixels = 0
    for sample in source.samples:
        pixels += sample.allowed.size
        known += np.bincount(sample.allowed.ravel(), minlength=len(names))[: len(names)]
    classes = " ".join(f"{name} {count / pixels:.2%}" for name, count in zip(names, known) if count)
    return f"{len(source.samples)} samples, {known.sum() / pixels:.0%} of pixels labelled: {classes}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 1 when a file cannot be used."""
    parser = command_parser("python -m training.check", __doc__)
    add_config_arguments(parser)
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        stages = [with_own_classes(one, options.data) for one in read_stages(options.config).values()]
        wanted: list[AnySource] = []
        for stage in stages:
            judged = [PairSource(**vars(pairs), share=1) for pairs in stage.validate]
            wanted += [source for source in (*stage.train.sources, *judged) if source not in wanted]
        sets = ClassSets(names_of(stages[0]))
        for one, source in zip(wanted, load_sources(wanted, options.data, sets)):
            print(f"{source_title(one)}: {describe(source, sets.names)}")


if __name__ == "__main__":
    main()

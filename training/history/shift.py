"""Make a trained network mark classes less or more often, without training.

    python -m training.history.shift --run RUN --logit curve=-2 --out OTHER_RUN

Adds the number to the class's logits: with -2 only pixels where a kerb was e² times as likely as any other
class stay marked. Losses that push for every pixel of a rare class (Dice, the hardest pixels) mark it too
widely.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.command_line import command_parser, told_plainly
from training.model.checkpoint import CHECKPOINT, load_checkpoint, load_network, save_checkpoint


def shift_run(run: Path, out: Path, logits: Mapping[str, float]) -> None:
    """Write the averaged weights of `run` to `out`, with `logits` added by class name.

    Raises FileNotFoundError for a run that does not exist, and ValueError for unknown classes and a network
    without segmentation.
    """
    unknown = sorted(set(logits) - set(CLASS_NAMES))
    if unknown:
        raise ValueError(f"--logit: {unknown} are unknown, expected classes among {', '.join(CLASS_NAMES)}")
    kept = load_checkpoint(run / CHECKPOINT)
    network = load_network(run)
    if network.decoder.segmentation_pyramid is None:
        raise ValueError(f"{run}: has no segmentation to shift")
    bias = network.get_parameter("decoder.segmentation.logits.bias")
    with torch.no_grad():
        for name, added in logits.items():
            bias.view(len(CLASS_NAMES), -1)[CLASS_NAMES.index(name)] += added
    save_checkpoint(
        out / CHECKPOINT,
        {"average": network.state_dict(), "step": kept["step"], "config": kept["config"]},
    )


def _read_logit(text: str) -> tuple[str, float]:
    name, _, added = text.partition("=")
    try:
        number = float(added)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not CLASS=NUMBER, such as curve=-1")
    return name, number


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.history.shift", __doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder that training.train wrote")
    parser.add_argument(
        "--logit", type=_read_logit, required=True, nargs="+", metavar="CLASS=NUMBER", help="what to add"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the shifted run")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        shift_run(options.run, options.out, dict(options.logit))


if __name__ == "__main__":
    main()

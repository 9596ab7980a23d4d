"""Find the temperature of a model file's confidence on labelled pairs, and write it into the file.

python -m training.confidence --model mine_int8.onnx --data data/val

Take pairs that the network has not learned from: of those that it has, it is too certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mtvif_ros.command_line import command_parser, told_plainly
from mtvif_ros.model_file import read_model_file
from training.data.selection import pairs_below
from training.scoring.temperature import fit_temperature


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.confidence", __doc__)
    parser.add_argument("--model", type=Path, required=True, help="model file, which is changed")
    parser.add_argument("--data", type=Path, required=True, help="folder with vi/, ir/ and labels/")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        pairs = pairs_below(options.data, read_model_file(options.model).classes)
        found = fit_temperature(options.model, pairs)
    print(
        f"{options.model}: temperature {found.temperature:.3f} by {found.pixels} pixels; their calibration "
        f"error {found.error_before:.3f} becomes {found.error_after:.3f}"
    )


if __name__ == "__main__":
    main()

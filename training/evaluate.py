"""Score a model file on labelled pairs, beside simple fusions and the images of other methods.

python -m training.evaluate --model models/mtvif.onnx --data FOLDER --peer SeAFusion=FOLDER/peer_seafusion
python -m training.evaluate --model models/mtvif.onnx --rendered 60     synthetic frames with exact labels
python -m training.evaluate --model models/mtvif.onnx --rendered 48 --smoke 0.8 --time day
python -m training.evaluate --model models/mtvif.onnx --clip vi.mp4 ir.mp4      a clip, and how it flickers
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mtvif_ros.command_line import command_parser, frame_size, told_plainly, whole_number, writable_file
from mtvif_ros.engines import BACKENDS
from mtvif_ros.metrics.baselines import BASELINES
from mtvif_ros.metrics.flicker import flicker_sentence
from mtvif_ros.model_file import read_model_file
from mtvif_ros.pairing.synchronizer import Stream
from mtvif_ros.recordings.clip import read_clip
from training.config import ALL_TIMES
from training.data.rendered import list_rendered_pairs, write_rendered_pairs
from training.data.selection import pairs_below
from training.scoring.clip import evaluate_clip
from training.scoring.evaluation import Evaluation, evaluate, format_tables

HELD_OUT_SEED = 9  # no config trains on it
_TAKEN = {"model", "infrared", *BASELINES}  # what the tables show anyway
_CAMERAS = {"visible": Stream.RGB, "infrared": Stream.IR}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.evaluate", __doc__)
    parser.add_argument("--model", type=Path, required=True, help="model file")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder with vi/, ir/ and perhaps labels/, boxes/")
    source.add_argument(
        "--rendered", type=whole_number(1), metavar="N", help="render N frames with exact labels instead"
    )
    source.add_argument(
        "--clip",
        type=Path,
        nargs=2,
        metavar=("VISIBLE", "INFRARED"),
        help="two videos or folders of consecutive frames: also compare the flicker with max's",
    )
    parser.add_argument(
        "--every", type=whole_number(1), metavar="N", help="score each N-th frame of --clip; default 10"
    )
    parser.add_argument("--smoke", type=float, default=0.0, help="density in the rendered frames, 0 to 1")
    parser.add_argument("--time", choices=ALL_TIMES, help="of the rendered frames; default all in turn")
    parser.add_argument("--backend", default="auto", choices=("auto", *BACKENDS), help="engine; default auto")
    parser.add_argument(
        "--size", type=frame_size, help="HEIGHTxWIDTH, for a file of open size; default: the frames' own"
    )
    parser.add_argument(
        "--peer",
        type=_read_peer,
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="also score another method's fused images, which have the pairs' names",
    )
    parser.add_argument(
        "--alone", choices=tuple(_CAMERAS), help="let the model see this camera only, as the node's fallback"
    )
    parser.add_argument("--out", type=writable_file, help="write the numbers as JSON")
    options = parser.parse_args(arguments)
    for name in ("smoke", "time"):
        if getattr(options, name) and not options.rendered:
            parser.error(f"--{name} applies to --rendered frames, not to those of --data or --clip")
    if options.every and not options.clip:
        parser.error("--every applies to --clip")
    if options.peer and options.clip:
        parser.error("--peer applies to --data and --rendered; write the clip's frames as a folder")
    if options.alone and options.clip:
        parser.error("--alone applies to --data and --rendered")
    if not 0 <= options.smoke <= 1:
        parser.error(f"--smoke is {options.smoke}, expected a number from 0 to 1")
    names = [name for name, _ in options.peer]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        parser.error(f"--peer names {', '.join(twice)} twice; give each method a name of its own")
    with told_plainly(parser):
        result = _evaluate(options)
        print(format_tables(result.scores))
        if options.clip:
            print(f"\n{flicker_sentence(result.flicker_over_max)}")
        if options.out:
            options.out.write_text(json.dumps(result.as_dict(), indent=2) + "\n")


def _evaluate(options: argparse.Namespace) -> Evaluation:
    if options.clip:
        return evaluate_clip(
            options.model, options.backend, read_clip(*options.clip), options.every or 10, options.size
        )
    names = read_model_file(options.model).classes
    with TemporaryDirectory() as folder:
        if options.rendered:
            times = [options.time] if options.time else ALL_TIMES
            write_rendered_pairs(Path(folder), options.rendered, HELD_OUT_SEED, options.smoke, times)
            pairs = list_rendered_pairs(Path(folder), names)
        else:
            pairs = pairs_below(options.data, names)
        alone = _CAMERAS.get(options.alone)
        return evaluate(options.model, options.backend, pairs, dict(options.peer), options.size, alone)


def _read_peer(text: str) -> tuple[str, Path]:
    name, separator, folder = text.partition("=")
    if not (name and separator and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER, such as SeAFusion=fused")
    if name in _TAKEN:
        raise argparse.ArgumentTypeError(f"{name!r} is a row of its own; choose another NAME")
    return name, Path(folder)


if __name__ == "__main__":
    main()

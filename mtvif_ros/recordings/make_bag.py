"""Make a rosbag2 of two cameras from images, videos or rendered scenes.

mtvif_make_bag --pairs FOLDER --out BAG
mtvif_make_bag --videos VISIBLE INFRARED --out BAG
mtvif_make_bag --rendered SECONDS --time night --out BAG
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from mtvif_ros.command_line import command_parser, positive_number
from mtvif_ros.recordings.frames import FrameSource, from_pairs, from_rendered, from_videos
from mtvif_ros.recordings.timing import Timing, moments
from mtvif_ros.recordings.writer import STORAGES, PairBagWriter
from mtvif_ros.synthetic import SceneConfig
from mtvif_ros.synthetic.light import TIMES


def make_bag(source: FrameSource, path: Path, timing: Timing, storage: str = "mcap") -> None:
    """Write all frames of a source; see PairBagWriter for what the bag holds and what is raised."""
    with PairBagWriter(path, storage, source.matrix) as writer:
        frames = tqdm(source.frames, total=source.count, desc=str(path), unit="frame")
        for frame, moment in zip(frames, moments(timing)):
            writer.write(frame, moment)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("mtvif_make_bag", __doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--pairs", type=Path, metavar="FOLDER", help="vi/, ir/ and perhaps labels/")
    source.add_argument("--videos", type=Path, nargs=2, metavar=("VISIBLE", "INFRARED"))
    source.add_argument("--rendered", type=positive_number, metavar="SECONDS", help="render a drive")
    parser.add_argument("--out", type=Path, required=True, help="the bag, a folder to be made")
    parser.add_argument("--storage", choices=sorted(STORAGES), default="mcap")
    parser.add_argument("--rate", type=float, default=30.0, help="frames a second")
    parser.add_argument("--jitter", type=float, default=0.0, help="of the stamps, sigma in s")
    parser.add_argument("--dropped", type=float, default=0.0, help="share of frames lost, 0..1")
    parser.add_argument("--offset", type=float, default=0.0, help="infrared clock minus visible, s")
    parser.add_argument("--seed", type=int, default=0, help="of jitter, drops and scenes")
    scene = parser.add_argument_group("rendered scenes")
    scene.add_argument("--time", choices=sorted(TIMES), default="dusk")
    scene.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"))
    scene.add_argument("--smoke", type=float, default=0.0, help="density of smoke in the street, 0..1")
    scene.add_argument("--misaligned", type=float, default=0.0, help="of infrared, in pixels")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 with a message when the input cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        timing = Timing(
            rate=options.rate,
            jitter=options.jitter,
            dropped=options.dropped,
            offset=options.offset,
            seed=options.seed,
        )
        if options.pairs:
            source = from_pairs(options.pairs)
        elif options.videos:
            source = from_videos(*options.videos)
        else:
            config = SceneConfig(
                seed=options.seed,
                time=options.time,
                width=options.size[0],
                height=options.size[1],
                rate=options.rate,
                misaligned=options.misaligned,
                smoke=options.smoke,
            )
            source = from_rendered(config, options.rendered)
        make_bag(source, options.out, timing, options.storage)
    except (OSError, ValueError) as error:
        print(f"mtvif_make_bag: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

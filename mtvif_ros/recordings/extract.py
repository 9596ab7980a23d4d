"""Extract aligned frame pairs from a recording, in the layout that training and evaluation read.

mtvif_extract --bag BAG --out FOLDER --every 30 --registration registration.yaml

Writes FOLDER/vi/NAME.png and FOLDER/ir/NAME.png, both lossless, and FOLDER/labels/NAME.png if the bag has
class masks. NAME is the visible stamp in ns. The command never overwrites a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.command_line import command_parser, told_plainly, whole_number
from mtvif_ros.image import Image
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.registration import Registration, read_registration
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.pairs import find_stamp_pairs, read_labels, read_pairs
from mtvif_ros.recordings.reader import stamp_of
from mtvif_ros.recordings.topics import add_bag_arguments, find_cameras, find_labels
from mtvif_ros.recordings.writer import LABEL_TOPIC


def extract_pairs(
    bag: Path,
    topics: tuple[str, str],
    out: Path,
    every: int = 1,
    slop: float = 0.02,
    offset: float = 0.0,
    registration: Registration | None = None,
    labels: str | None = None,
    prefix: str = "",
) -> int:
    """Write every `every`-th pair of a bag with infrared on the visible grid; return their number.

    `slop` and `offset` are in s. `labels` is a topic of class masks with the visible stamps. `prefix` begins
    the name of every file. Raises BagError if the bag has no pair, ImageFormatError for an unreadable image,
    and OSError if a file exists or cannot be written.
    """
    pairs = find_stamp_pairs(bag, topics, slop, offset)[::every]
    aligned, thermal = registration or Registration(), ThermalScaler()
    for pair in tracked(read_pairs(bag, topics, pairs), "extract", len(pairs), "pair"):
        rgb, ir = read_rgb(pair.rgb.message()), thermal(read_grey(pair.ir.message()))
        size = (rgb.shape[1], rgb.shape[0])
        name = f"{prefix}{stamp_of(pair.rgb.raw)}.png"
        _write(out / "vi" / name, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8))
        _write(out / "ir" / name, aligned(ir, size, size))
    if labels:
        for stamp, mask in read_labels(bag, labels, [rgb for rgb, _ in pairs]):
            _write(out / "labels" / f"{prefix}{stamp}.png", mask)
    return len(pairs)


def _write(path: Path, picture: Image) -> None:
    if path.exists():
        raise FileExistsError(
            f"{path}: exists already; choose another --out, or a --prefix for each recording"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path}: cannot be written; check the free space of the disk")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("mtvif_extract", __doc__)
    add_bag_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for vi/, ir/ and labels/")
    parser.add_argument(
        "--every", type=whole_number(1), default=30, help="take one pair in so many; neighbours look alike"
    )
    parser.add_argument("--registration", type=Path, help="file that mtvif_calibrate wrote")
    parser.add_argument(
        "--label-topic", help=f"class masks; default: {LABEL_TOPIC}, if the bag has this topic"
    )
    parser.add_argument("--prefix", default="", help="begin all names with this; one for each recording")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        count = extract_pairs(
            options.bag,
            find_cameras(options.bag, options.rgb_topic, options.ir_topic),
            options.out,
            options.every,
            options.slop,
            options.offset,
            read_registration(options.registration) if options.registration else None,
            find_labels(options.bag, options.label_topic),
            options.prefix,
        )
    print(f"wrote {count} pairs to {options.out}")


if __name__ == "__main__":
    main()

"""Extract aligned frame pairs from a recording, in the layout that training and evaluation read.

mtvif_extract --bag BAG --out FOLDER --every 30 --registration registration.yaml

Writes FOLDER/vi/NAME.png and FOLDER/ir/NAME.png, both lossless, and FOLDER/labels/NAME.png if the bag has
class masks. NAME is the visible stamp in ns. The command never overwrites a file. Exit code 3: only a part of
the bag could be read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mtvif_ros.command_line import command_parser, told_plainly, whole_number
from mtvif_ros.image import Image
from mtvif_ros.imaging.codec import read_rgb
from mtvif_ros.imaging.files import write_picture
from mtvif_ros.imaging.registration import Registration, Warp
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.arguments import (
    add_bag_arguments,
    add_label_arguments,
    add_mapping_arguments,
    tell_rest,
)
from mtvif_ros.recordings.pairs import decoded_pairs, find_stamp_pairs, frame_size, read_labels
from mtvif_ros.recordings.reader import BagError, BagReader
from mtvif_ros.recordings.rig import read_mapping
from mtvif_ros.recordings.topics import choose_cameras, choose_labels


def extract_pairs(
    bag: BagReader,
    topics: tuple[str, str],
    out: Path,
    every: int = 1,
    slop: float = 0.02,
    offset: float = 0.0,
    registration: Warp | None = None,
    labels: str | None = None,
    prefix: str = "",
) -> int:
    """Write every `every`-th pair of a bag with infrared on the visible grid; return their number.

    `slop` and `offset` are in s. `labels` is a topic of class masks with the visible stamps. `prefix` begins
    the name of every file. The bag notes as damage what cannot be read. Raises BagError if the bag has no
    pair or has masks of another size, ImageFormatError if it has no readable pair or a mask is none, and
    OSError if a file exists or cannot be written.
    """
    pairs = find_stamp_pairs(bag, topics, slop, offset)[::every]
    visible = [rgb for rgb, _ in pairs]
    # A mask that is none must be met before anything is written.
    if labels:
        _check_labels(bag, labels, visible, frame_size(bag, topics[0]))
    aligned, thermal = registration or Registration(), ThermalScaler()
    written = []
    frames = decoded_pairs(bag, topics, pairs, read_rgb)
    for stamp, rgb, ir in tracked(frames, "extract", len(pairs), "pair"):
        size = (rgb.shape[1], rgb.shape[0])
        name = f"{prefix}{stamp}.png"
        _write(out / "vi" / name, np.asarray(rgb, np.uint8))
        _write(out / "ir" / name, aligned(thermal(ir), size, size))
        written.append(stamp)
    if labels:
        for stamp, mask in read_labels(bag, labels, written):
            _write(out / "labels" / f"{prefix}{stamp}.png", mask)
    return len(written)


def _check_labels(bag: BagReader, topic: str, visible: Sequence[int], size: tuple[int, ...] | None) -> None:
    sizes = {mask.shape for _, mask in read_labels(bag, topic, visible)}
    if not sizes:
        bag.note(f"{topic}: no mask has the stamp of an extracted frame")
    elif size is not None and sizes != {size}:
        found = " and ".join(map(str, sorted(sizes)))
        raise BagError(
            f"bag {bag.path}: the masks on {topic} have {found} rows and columns, the visible frames "
            f"{size}; name another --label-topic, or use --no-labels"
        )


def _write(path: Path, picture: Image) -> None:
    if path.exists():
        raise FileExistsError(
            f"{path}: exists already; choose another --out, or a --prefix for each recording"
        )
    write_picture(path, picture)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the module's docstring lists the exit codes."""
    parser = command_parser("mtvif_extract", __doc__)
    add_bag_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for vi/, ir/ and labels/")
    parser.add_argument(
        "--every",
        type=whole_number(1),
        default=30,
        help="take every N-th pair, as neighbours look alike; default 30",
    )
    add_mapping_arguments(parser)
    add_label_arguments(parser)
    parser.add_argument("--prefix", default="", help="begin all names with this; one for each recording")
    options = parser.parse_args(arguments)
    with told_plainly(parser), BagReader(options.bag, by_arrival=options.arrival) as bag:
        topics = choose_cameras(bag, options.rgb_topic, options.ir_topic)
        count = extract_pairs(
            bag,
            topics,
            options.out,
            options.every,
            options.slop,
            options.offset,
            read_mapping(bag, topics, options.registration, options.distance),
            None if options.no_labels else choose_labels(bag, options.label_topic),
            options.prefix,
        )
        print(f"wrote {count} pairs to {options.out}")
        return tell_rest(bag, parser.prog)


if __name__ == "__main__":
    sys.exit(main())

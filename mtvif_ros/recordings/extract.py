"""Take aligned frame pairs out of a recording, as training and evaluation read them.

mtvif_extract --bag BAG --out FOLDER --every 30 --registration registration.yaml

Writes FOLDER/vi/NAME.png and FOLDER/ir/NAME.png, lossless, and FOLDER/labels/NAME.png where the bag has class
masks; NAME is the visible stamp in ns. What is there already is never overwritten.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from mtvif_ros.command_line import command_parser, whole_number
from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.registration import Registration, RegistrationError, read_registration
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.recordings.arguments import add_bag_arguments
from mtvif_ros.recordings.labels import find_labels, read_labels
from mtvif_ros.recordings.pairs import find_stamp_pairs, read_pairs
from mtvif_ros.recordings.reader import BagError, stamp_of
from mtvif_ros.recordings.topics import find_cameras
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
    """Write every `every`-th pair of a bag, infrared on the visible grid; slop and offset in s.

    `labels` is a topic of class masks under the visible stamps; `prefix` begins every file's name. Returns
    how many were written. Raises BagError when there is none, ImageFormatError for images that cannot be
    read, OSError when they cannot be written or are there already.
    """
    pairs = find_stamp_pairs(bag, topics, slop, offset)[::every]
    aligned, thermal = registration or Registration(), ThermalScaler()
    for pair in tqdm(read_pairs(bag, topics, pairs), total=len(pairs), unit="pair"):
        rgb, ir = read_rgb(pair.rgb.message()), thermal(read_grey(pair.ir.message()))
        size = (rgb.shape[1], rgb.shape[0])
        name = f"{prefix}{stamp_of(pair.rgb.raw)}.png"
        _write(out / "vi" / name, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8))
        _write(out / "ir" / name, aligned(ir, size, size))
    if labels:
        for stamp, mask in read_labels(bag, labels, [rgb for rgb, _ in pairs]):
            _write(out / "labels" / f"{prefix}{stamp}.png", mask)
    return len(pairs)


def _write(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    if path.exists():
        raise FileExistsError(
            f"{path}: exists already; choose another --out, or a --prefix for each recording"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path}: cannot be written; is there space left?")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 with a message when nothing can be extracted."""
    parser = command_parser("mtvif_extract", __doc__)
    add_bag_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for vi/ and ir/")
    parser.add_argument(
        "--every", type=whole_number(1), default=30, help="each n-th pair; neighbours are alike"
    )
    parser.add_argument("--registration", type=Path, help="what mtvif_calibrate wrote")
    parser.add_argument("--label-topic", help=f"class masks; default {LABEL_TOPIC} where the bag has it")
    parser.add_argument("--prefix", default="", help="of all names, for several recordings in one folder")
    given = parser.parse_args(arguments)
    try:
        topics = find_cameras(given.bag, given.rgb_topic, given.ir_topic)
        registration = read_registration(given.registration) if given.registration else None
        count = extract_pairs(
            given.bag,
            topics,
            given.out,
            given.every,
            given.slop,
            given.offset,
            registration,
            find_labels(given.bag, given.label_topic),
            given.prefix,
        )
    except (BagError, ImageFormatError, OSError, RegistrationError) as error:
        print(f"mtvif_extract: {error}", file=sys.stderr)
        return 1
    print(f"wrote {count} pairs to {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Give every command that reads a bag the same options, and the same end when a part cannot be read."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from mtvif_ros.command_line import finite_number, positive_number
from mtvif_ros.pairing.stamps import LATEST
from mtvif_ros.recordings.reader import BagReader
from mtvif_ros.recordings.writer import LABEL_TOPIC

PARTLY_READ = 3  # exit code


def add_bag_arguments(parser: ArgumentParser, finds_offset: bool = False) -> None:
    """Add the options of every command that reads pairs from a bag: the bag, its topics and its times.

    Without `--offset` a command that `finds_offset` has None.
    """
    add = parser.add_argument
    add("--bag", type=Path, required=True, help="rosbag2: a folder or an mcap or db3 file")
    add("--rgb-topic", default="", help="visible images; default: the bag's only topic with colours")
    add("--ir-topic", default="", help="infrared images; default: the bag's only topic without colours")
    add(
        "--slop",
        type=_slop,
        default=0.02,
        help="largest distance of a pair's stamps, in s; default 0.02",
    )
    default, words = (None, "found from what moves") if finds_offset else (0.0, "0")
    add(
        "--offset",
        type=_stamp_distance,
        default=default,
        help=f"infrared minus visible clock, in s; default: {words}",
    )
    add("--arrival", action="store_true", help="pair frames by when they were recorded, not by their stamps")


def _slop(text: str) -> float:
    positive_number(text)
    return _stamp_distance(text)


def _stamp_distance(text: str) -> float:
    number = finite_number(text)
    if abs(number) >= LATEST:
        raise ArgumentTypeError(f"{text!r} s is more than two stamps can differ by")
    return number


def add_mapping_arguments(parser: ArgumentParser) -> None:
    """Add the options of a command that lays infrared onto visible pixels."""
    parser.add_argument("--registration", type=Path, help="file that mtvif_calibrate wrote")
    parser.add_argument(
        "--distance",
        type=positive_number,
        help="of the scene, in m: go through the lenses of the bag's camera_info; default: the homography",
    )


def add_label_arguments(parser: ArgumentParser) -> None:
    """Add the options of a command that reads class masks too."""
    parser.add_argument(
        "--label-topic", help=f"class masks with the visible stamps; default: {LABEL_TOPIC}, if recorded"
    )
    parser.add_argument("--no-labels", action="store_true", help="leave class masks out")


def tell_remarks(bag: BagReader, program: str) -> None:
    """Tell on stderr what a bag needs remarks on, each once."""
    for remark in dict.fromkeys(bag.remarks):
        print(f"{program}: {remark}", file=sys.stderr)
    bag.remarks.clear()


def tell_rest(bag: BagReader, program: str) -> int:
    """Tell on stderr what of a bag was not read or needs a remark; return the exit code."""
    tell_remarks(bag, program)
    if bag.damage:
        print(f"{program}: only a part was read: {bag.damage}", file=sys.stderr)
        return PARTLY_READ
    return 0

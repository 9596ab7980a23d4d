"""Give the commands that read pairs from a bag the same arguments."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path


def add_bag_arguments(parser: ArgumentParser) -> None:
    """Add `bag`, `rgb_topic`, `ir_topic`, and `slop` and `offset` in s."""
    parser.add_argument("--bag", type=Path, required=True, help="rosbag2: a folder, mcap or db3")
    parser.add_argument(
        "--rgb-topic", default="", help="visible images; found by type when there is one pair"
    )
    parser.add_argument("--ir-topic", default="", help="infrared images")
    parser.add_argument("--slop", type=float, default=0.02, help="largest distance of a pair, s")
    parser.add_argument("--offset", type=float, default=0.0, help="infrared clock minus visible, s")

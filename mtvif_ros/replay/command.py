"""Replay a recording through the node over DDS and report how well the node did.

mtvif_replay --bag BAG --out FOLDER

Writes report.html, summary.json, pairs.csv and preview.mp4 into FOLDER. Exit codes: 0 all limits hold; 2 a
limit is missed; 3 the bag is damaged and only a part of it was replayed; 1 the input cannot be used or a
result cannot be written.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mtvif_ros.command_line import command_parser, finite_number, need, positive_number, told_plainly
from mtvif_ros.engines import BACKENDS
from mtvif_ros.metrics.flicker import flicker_sentence
from mtvif_ros.node.dds import claim_domain
from mtvif_ros.recordings.arguments import (
    PARTLY_READ,
    add_bag_arguments,
    add_label_arguments,
    add_mapping_arguments,
)
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.run import replay
from mtvif_ros.replay.summary import Summary, format_table

_RESULTS = ("report.html", "summary.json", "pairs.csv", "preview.mp4")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("mtvif_replay", __doc__)
    add_bag_arguments(parser)
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for the results")
    add_label_arguments(parser)
    add("--model", type=Path, help="model file; default: the shipped one")
    add("--backend", default="auto", choices=("auto", *BACKENDS), help="engine; default auto")
    add(
        "--size",
        default="auto",
        help="HEIGHTxWIDTH for a model file of open size; default auto, as in the node",
    )
    add_mapping_arguments(parser)
    add("--rate", type=positive_number, default=1.0, help="multiple of the recorded speed; default 1")
    add("--loop", type=int, default=1, help="number of passes; stamps continue; default 1")
    add("--start", type=finite_number, default=0.0, help="seconds of the bag to skip; default 0")
    add("--duration", type=float, default=math.inf, help="seconds of the bag to play; default: the rest")
    add("--fast", action="store_true", help="play as fast as the node answers, so that it drops nothing")
    add("--clock", action="store_true", help="publish /clock and let the node use simulation time")
    add(
        "--node",
        choices=("own", "external"),
        default="own",
        help="external: measure a running node; default own",
    )
    add("--record", type=Path, help="write inputs, outputs and diagnostics into this bag")
    add("--every", type=int, default=1, help="score only every N-th pair; default 1")
    add(
        "--no-watch",
        action="store_true",
        help="do not look for faults of the recording or ask for the confidence",
    )
    add(
        "--thermal",
        type=finite_number,
        nargs=2,
        metavar=("GAIN", "OFFSET"),
        default=(1.0, 0.0),
        help="raw infrared * GAIN + OFFSET is in °C; default: unknown",
    )
    add(
        "--limits",
        type=Path,
        help="YAML file of limits; default: all accounted for, 99 %% of pairs answered, half paired",
    )
    add("--no-preview", action="store_true", help="no preview.mp4; with --every, no flicker either")
    return parser


def _options(given: argparse.Namespace) -> ReplayOptions:
    return ReplayOptions(
        bag=given.bag,
        out=given.out,
        rgb_topic=given.rgb_topic,
        ir_topic=given.ir_topic,
        label_topic=given.label_topic,
        labels=not given.no_labels,
        arrival=given.arrival,
        model=given.model,
        backend=given.backend,
        size=given.size,
        slop=given.slop,
        offset=given.offset,
        rate=given.rate,
        loops=given.loop,
        start=given.start,
        duration=given.duration,
        fast=given.fast,
        clock=given.clock,
        external=given.node == "external",
        record=given.record,
        registration=given.registration,
        distance=given.distance,
        preview=not given.no_preview,
        every=given.every,
        watch=not given.no_watch,
        thermal=(given.thermal[0], given.thermal[1]),
        limits=given.limits,
    )


def _keep_to_ourselves() -> None:
    """Neither hear nor disturb a robot on the same network, nor another replay on this machine."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    if "ROS_DOMAIN_ID" not in os.environ:
        os.environ["ROS_DOMAIN_ID"] = str(claim_domain())


def _tell(summary: Summary, out: Path) -> None:
    print(format_table(summary))
    if summary.quality is not None:
        print(flicker_sentence(summary.quality.flicker_over_max))
    if summary.watch is not None:
        for finding in summary.watch.findings:
            print(f"seen  {finding.sentence}")
    for verdict in summary.limits:
        print(f"{'ok  ' if verdict.holds else 'MISS'}  {verdict.sentence}")
    for name in _RESULTS:
        if (out / name).exists():
            print(f"{name.partition('.')[0]}: {out / name}")
    if summary.bag_damage:
        print(f"The bag is damaged; only a part of it was replayed: {summary.bag_damage}")
    for problem in summary.problems:
        print(f"mtvif_replay: {problem}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the module's docstring lists the exit codes."""
    parser = _parser()
    given = parser.parse_args(arguments)
    with told_plainly(parser):
        need("rosbags", "mcap", "zstandard", "jinja2", "matplotlib")
        options = _options(given)
        if not options.external:
            _keep_to_ourselves()
        summary = replay(options)
    _tell(summary, options.out)
    if summary.problems:
        return 1
    if summary.bag_damage:
        return PARTLY_READ
    return 0 if summary.passed else 2


if __name__ == "__main__":
    sys.exit(main())

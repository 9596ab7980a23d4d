"""Replay a recording through the node over DDS and report how it did.

mtvif_replay --bag BAG --out FOLDER

Writes report.html, summary.json, pairs.csv and preview.mp4. Exit codes: 0 all limits hold, 2 some do
not, 3 the bag is damaged and only a part was replayed, 1 unusable input or results that cannot be written.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mtvif_ros.command_line import command_parser
from mtvif_ros.engines import BACKENDS, EngineError
from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.metrics.steadiness import Steadiness, SteadinessMeter
from mtvif_ros.model_file import ModelFile, ModelFileError, read_model_file
from mtvif_ros.node.dds import claim_domain
from mtvif_ros.recordings.reader import COMPRESSED, BagError, BagReader
from mtvif_ros.recordings.topics import add_bag_arguments, find_cameras, find_labels
from mtvif_ros.recordings.writer import LABEL_TOPIC
from mtvif_ros.replay.answered import answered_pairs
from mtvif_ros.replay.collector import Collector
from mtvif_ros.replay.limits import judge, read_limits
from mtvif_ros.replay.node_process import NodeProcessError
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.passes import Passes, plan_passes
from mtvif_ros.replay.preview import PreviewWriter
from mtvif_ros.replay.recorder import record_outputs
from mtvif_ros.replay.report import write_report
from mtvif_ros.replay.results import machine, pair_rows, write_csv, write_json
from mtvif_ros.replay.run import FUSED, OUTPUT_TOPICS, Session, listening, run_session
from mtvif_ros.replay.scoring import Scored, score_all
from mtvif_ros.replay.summary import (
    behind_newest,
    format_table,
    latencies,
    summarise_counts,
    summarise_load,
    summarise_quality,
    summarise_topic,
)

_CAMERAS = ("rgb/image_raw", "ir/image_raw")  # as the node names them in its diagnostics


def replay(options: ReplayOptions) -> dict[str, Any]:
    """Replay a bag, write all results into `options.out`, and return the summary.

    Raises BagError, LimitsError, FileNotFoundError, ModelFileError and NodeProcessError, each saying what
    to do.
    """
    limits = read_limits(options.limits)
    model = read_model_file(options.model_path())
    passes = plan_passes(options)
    pairs = passes.all_pairs()
    options.out.mkdir(parents=True, exist_ok=True)
    everything = options.preview or options.record
    wanted = {rgb for number, (rgb, _) in enumerate(pairs) if everything or number % options.every == 0}
    with listening(options, wanted) as (node, collector):
        session = run_session(options, passes, node, collector)
        collector.stop()
        summary = _summarise(options, passes, session, collector, model)
        scored, steady = _score(options, passes, collector, model, summary)
        summary["limits"] = [verdict._asdict() for verdict in judge(summary, limits)]
        summary["passed"] = all(verdict["holds"] for verdict in summary["limits"])
        rows = list(pair_rows(pairs, session, collector, scored, steady))
        # The numbers first: whatever the pictures meet, they are on disk.
        results: dict[str, Callable[[], None]] = {
            "summary.json": lambda: write_json(options.out / "summary.json", summary),
            "pairs.csv": lambda: write_csv(options.out / "pairs.csv", rows),
            "report.html": lambda: write_report(
                options.out / "report.html",
                summary,
                rows,
                lambda stamps: answered_pairs(options, passes, collector, stamps),
                [(one.time, one.values) for one in collector.diagnoses],
            ),
        }
        if options.record:
            bag = options.record
            results[str(bag)] = lambda: record_outputs(bag, passes, session, collector)
        for name, write in results.items():
            try:
                write()
            except OSError as error:
                summary["problems"].append(f"{name} could not be written: {error}")
    return summary


def _summarise(
    options: ReplayOptions, passes: Passes, session: Session, collector: Collector, model: ModelFile
) -> dict[str, Any]:
    pairs = passes.all_pairs()
    expected = {rgb for rgb, _ in pairs}
    topics = {}
    for topic in OUTPUT_TOPICS:
        times = {stamp: arrival.time for stamp, arrival in collector.arrivals[topic].items()}
        topics[topic] = summarise_topic(len(pairs), list(latencies(pairs, session.published, times).values()))
        behind = behind_newest(pairs, session.published, times)
        topics[topic]["behind_newest_p99_ms"] = (
            round(float(np.percentile(behind, 99)) * 1e3, 2) if behind else None
        )
        topics[topic]["unexpected"] = len(times.keys() - expected)
    distances = [abs(ir - rgb - options.offset_ns) / 1e6 for rgb, ir in passes.pairs]
    return {
        "bag": str(options.bag),
        "bag_damage": passes.damage,
        "cameras": list(options.topics),
        "frames": {"rgb": session.sent[0], "ir": session.sent[1]},
        "pairs": len(pairs),
        "pair_distance_ms": {
            "median": round(float(np.median(distances)), 3),
            "largest": round(max(distances), 3),
        },
        "topics": topics,
        "repeated": collector.repeated,
        "problems": [collector.failure] if collector.failure else [],
        "counts": summarise_counts(session.sent, _CAMERAS, session.counted_before, collector.diagnoses),
        "load": summarise_load(collector.diagnoses),
        "model": _describe(model, options),
        "classes": list(model.classes),
        "node": session.node_log,
        "command": " ".join(sys.argv),
        "machine": machine(),
    }


def _describe(model: ModelFile, options: ReplayOptions) -> dict[str, str]:
    if options.external:
        return {"file": "the external node's", "version": "unknown", "sha256": "unknown"}
    return {"file": str(model.path), "version": model.version, "sha256": model.sha256}


def _score(
    options: ReplayOptions,
    passes: Passes,
    collector: Collector,
    model: ModelFile,
    summary: dict[str, Any],
) -> tuple[dict[int, Scored], dict[int, Steadiness]]:
    """Score all pairs that were kept, draw the preview on the way, and put the means into the summary."""
    meter, steady = SteadinessMeter(), {}
    step = options.every if options.preview or options.record else 1  # otherwise no others were kept
    total = sum(rgb in collector.arrivals[FUSED] for rgb, _ in passes.all_pairs())
    span = (passes.pairs[-1][0] - passes.pairs[0][0]) / 1e9
    rate = min(60.0, max(1.0, (len(passes.pairs) - 1) / span)) if span > 0 else 1.0
    preview = PreviewWriter(options.out / "preview.mp4", rate) if options.preview else None

    def watched(pairs: Iterable[AnsweredPair]) -> Iterator[AnsweredPair]:
        for number, shown in enumerate(pairs):
            change = meter(shown)
            if change is not None:
                steady[shown.stamp] = change
            if preview is not None:
                preview.write(shown.rgb, shown.ir, shown.fused, shown.mask)
            if number % step == 0:
                yield shown

    scored: dict[int, Scored] = {}
    confusion = np.zeros((len(model.classes), len(model.classes)), np.int64)
    try:
        kept = watched(answered_pairs(options, passes, collector))
        bar = tqdm(score_all(kept, len(model.classes)), total=-(-total // options.every), desc="score")
        for one in bar:
            scored[one.stamp] = one._replace(confusion=None)
            if one.confusion is not None:
                confusion += one.confusion
        speed = bar.format_dict
    finally:
        if preview is not None:
            preview.close()
            summary["problems"] += preview.problems
    summary["quality"] = summarise_quality(
        list(scored.values()), list(steady.values()), confusion, model.classes
    )
    if scored:
        summary["quality"]["scored_per_second"] = round(speed["n"] / max(speed["elapsed"], 1e-3), 1)
    return scored, steady


def _complete(options: ReplayOptions) -> ReplayOptions:
    """Fill in what the bag says: the cameras' topics, how they are encoded, and labels."""
    topics = find_cameras(options.bag, *options.topics)
    with BagReader(options.bag, topics) as reader:
        kinds = reader.kinds
    labels = find_labels(options.bag, options.labels)
    compressed = (kinds[topics[0]] == COMPRESSED, kinds[topics[1]] == COMPRESSED)
    return replace(options, topics=topics, labels=labels, compressed=compressed)


def _parse(arguments: Sequence[str] | None) -> ReplayOptions:
    parser = command_parser("mtvif_replay", __doc__)
    add_bag_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--label-topic", help=f"class masks with the visible stamps; default {LABEL_TOPIC}")
    parser.add_argument("--model", type=Path, help="model file; default: the shipped one")
    parser.add_argument("--backend", default="auto", choices=("auto", *BACKENDS))
    parser.add_argument("--registration", type=Path, help="what mtvif_calibrate wrote")
    parser.add_argument("--rate", type=float, default=1.0, help="times as fast as recorded")
    parser.add_argument("--loop", type=int, default=1, help="how often; time goes on from pass to pass")
    parser.add_argument("--start", type=float, default=0.0, help="s after the bag's beginning")
    parser.add_argument("--duration", type=float, default=math.inf, help="s")
    parser.add_argument("--fast", action="store_true", help="as fast as the node answers")
    parser.add_argument("--clock", action="store_true", help="publish /clock; the node uses sim time")
    parser.add_argument("--node", choices=("own", "external"), default="own", help="external: runs already")
    parser.add_argument("--record", type=Path, help="bag to write with inputs, outputs and diagnostics")
    parser.add_argument("--every", type=int, default=1, help="score each n-th pair only")
    parser.add_argument("--limits", type=Path, help="yaml of limits; default: nothing lost, counts agree")
    parser.add_argument("--no-preview", action="store_true", help="do not write preview.mp4")
    given = parser.parse_args(arguments)
    if given.node == "own":
        # A replay must neither hear nor disturb a robot on the same network, nor another replay.
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        if "ROS_DOMAIN_ID" not in os.environ:
            os.environ["ROS_DOMAIN_ID"] = str(claim_domain())
    return ReplayOptions(
        bag=given.bag,
        out=given.out,
        topics=(given.rgb_topic, given.ir_topic),
        labels=given.label_topic,
        model=given.model,
        backend=given.backend,
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
        preview=not given.no_preview,
        every=given.every,
        limits=given.limits,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see the module for its exit codes."""
    try:
        options = _complete(_parse(arguments))
        summary = replay(options)
    except (BagError, EngineError, ModelFileError, OSError, ValueError, NodeProcessError) as error:
        print(f"mtvif_replay: {error}", file=sys.stderr)
        return 1
    print(format_table(summary))
    for problem in summary["problems"]:
        print(f"mtvif_replay: {problem}", file=sys.stderr)
    for verdict in summary["limits"]:
        if not verdict["holds"]:
            print(f"falls short: {verdict['name']} is {verdict['measured']}, wanted {verdict['limit']}")
    if summary["counts"]["why"]:
        print(f"counts: {summary['counts']['why']}")
    for name in ("report.html", "summary.json", "pairs.csv", "preview.mp4"):
        if (options.out / name).exists():
            print(f"{name.partition('.')[0]}: {options.out / name}")
    if summary["problems"]:
        return 1
    if summary["bag_damage"]:
        print(f"mtvif_replay: the bag is damaged, this is what could be read: {summary['bag_damage']}")
        return 3
    return 0 if summary["passed"] else 2


if __name__ == "__main__":
    sys.exit(main())

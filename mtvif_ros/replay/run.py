"""Replay a recording: plan it, play it to the node, collect what comes back, score it, write the results."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import cv2
import numpy as np
import yaml
from rclpy.node import Node

from mtvif_ros.imaging.lenses import LensRegistration, pose_values
from mtvif_ros.machine import this_machine
from mtvif_ros.model_file import read_model_file
from mtvif_ros.node.aligner import HOMOGRAPHY, LENSES
from mtvif_ros.node.diagnostics import REGISTRATION_BY
from mtvif_ros.progress import Progress
from mtvif_ros.recordings.arguments import tell_remarks
from mtvif_ros.recordings.reader import BagReader
from mtvif_ros.recordings.rig import read_mapping
from mtvif_ros.replay import accounting
from mtvif_ros.replay.collector import ANSWERS, Collector, HealthReport, ros_node
from mtvif_ros.replay.findings import about_answers
from mtvif_ros.replay.labels import check_labels
from mtvif_ros.replay.limits import judge, read_limits
from mtvif_ros.replay.node_process import NodeProcess, NodeProcessError, await_external
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.pair_table import pair_rows, write_table
from mtvif_ros.replay.pictures import PreviewWriter
from mtvif_ros.replay.plan import plan_replay
from mtvif_ros.replay.player import FlowControl, Player, Sent
from mtvif_ros.replay.recorder import record_replay
from mtvif_ros.replay.report import write_report
from mtvif_ros.replay.scoring import Scores, answered_pairs, score_answers
from mtvif_ros.replay.summary import Counts, ModelUsed, Quality, Summary, Watch, write_summary
from mtvif_ros.replay.watch import Watched, watch_recording

PROGRAM = "mtvif_replay"

_REPORT_WITHIN = 10.0  # s, in which a node reports even on a busy machine; it does once a second
_SETTLED_WITHIN = 120.0  # s after the last frame
_STILL_REPORTS = 3  # without anything new: then nothing more will come


def replay(options: ReplayOptions) -> Summary:
    """Replay a bag, write all results into `options.out`, and return the summary.

    Raises ValueError for input that cannot be used (a bag, a model file, limits, a registration), OSError
    when `options.out` cannot be written, and NodeProcessError when the node does not run. Each says what to
    do.
    """
    with BagReader(options.bag, by_arrival=options.arrival) as bag, Replay(options, bag) as one:
        one.play()
        scores = one.score()
        one.watch()
        tell_remarks(bag, PROGRAM)
        summary = one.summarise(scores)
        return one.write(summary, scores)


class Replay:
    """Hold one replay on its way: the plan, what was sent, what came back. A context manager."""

    def __init__(self, options: ReplayOptions, bag: BagReader):
        self.options = options
        self.limits = read_limits(options.limits)
        self.model = read_model_file(options.model_path())
        self.plan = plan_replay(bag, options)
        self.registration = read_mapping(bag, self.plan.cameras, options.registration, options.distance)
        check_labels(self.plan, len(self.model.classes))
        tell_remarks(bag, PROGRAM)
        self.pairs = self.plan.all_pairs()
        self.sent = Sent()
        self.before: HealthReport | None = None  # what an external node had counted
        self.node_log = ""
        self.problems: list[str] = []
        self.watched: Watched | None = None
        self.wall_offset = time.time() - time.monotonic()
        options.out.mkdir(parents=True, exist_ok=True)
        self.preview = options.out / "preview.mp4"
        self.preview.unlink(missing_ok=True)  # without a new one, that of an earlier replay is none of this
        played = [rgb for rgb, _ in self.pairs]
        # Chosen from the plan, not from the answers: two replays score the same pairs, whatever they drop.
        self.chosen = frozenset(played[:: options.every])
        wanted = frozenset(played) if options.keeps_every_output() else self.chosen
        self.collector = Collector(
            options.out / "outputs.spool",
            wanted.__contains__,
            with_overlay=options.record is not None,
            with_confidence=options.watch and self.model.has_confidence,
        )

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.__exit__()

    def play(self) -> None:
        """Start the node, unless it is external, send all passes, and wait for the last answer or for Ctrl-C.

        Raises NodeProcessError when the node does not come up.
        """
        with ros_node(PROGRAM) as ros, self.collector.listening(ros):
            lenses = None
            if isinstance(self.registration, LensRegistration):
                lenses = self.registration.visible, self.registration.infrared
            player = Player(ros, self.plan, self.options.external, self.options.clock, lenses)
            with self._fusion_node(ros, player) as process:
                try:
                    self._send(player, process)
                    self._await_answers(process)
                except NodeProcessError as error:
                    self.problems.append(f"the results end early: {error}")
                except KeyboardInterrupt:
                    self.problems.append("the results end early: interrupted")
        self.pairs = [pair for pair in self.pairs if self.sent.holds(pair)]
        if self.collector.failure:
            self.problems.append(self.collector.failure)

    @contextmanager
    def _fusion_node(self, ros: Node, player: Player) -> Iterator[NodeProcess | None]:
        """Give the node's process once it is connected both ways; None for an external node."""

        def is_connected() -> bool:
            player.introduce()
            return player.is_heard() and all(ros.count_publishers(topic) for topic in ANSWERS)

        if self.options.external:
            await_external(is_connected, player.topics, ANSWERS)
            self.collector.await_report(_REPORT_WITHIN)
            self.before = self._last_report()
            yield None
            return
        parameters = self.options.node_parameters(self.plan.compressed)
        by = HOMOGRAPHY
        if isinstance(self.registration, LensRegistration):  # its pose may be that of the bag's tf
            by = LENSES
            file = self.options.out / "pose.yaml"
            file.write_text(yaml.safe_dump(pose_values(self.registration.pose)))
            parameters["registration.file"] = file.resolve()
        with NodeProcess(parameters, self.options.out / "node.log") as process:
            # A report proves that the node has found the collector, which a count of publishers does not. It
            # tells of the lenses, too: DDS may bring the first frames before their camera_info.
            process.wait_until(lambda: is_connected() and self._lays_on_by(by))
            yield process
            self.node_log = process.stop()

    def _send(self, player: Player, process: NodeProcess | None) -> None:
        """Publish all passes. Raises NodeProcessError when the node dies."""
        flow = FlowControl(self.pairs, self._ended) if self.options.fast else None
        with Progress("replay", self.plan.frames, "frame") as progress:

            def published() -> None:
                progress.update()
                _require_alive(process)

            player.play(self.sent, self.options.rate, flow, published)

    def _ended(self) -> int:
        """Return how many pairs were answered here, or were given up as the node last reported."""
        counts = self._counts()
        return self.collector.answered() + (
            counts.superseded + counts.failed + counts.skipped - counts.alone if counts else 0
        )

    def _await_answers(self, process: NodeProcess | None) -> None:
        """Wait until everything is accounted for, or until the node has nothing new to report.

        An external node may have other cameras and always something new. Raises NodeProcessError when the
        node dies.
        """
        end = time.monotonic() + _SETTLED_WITHIN
        still, before = 0, self._progress()
        while still < _STILL_REPORTS and not self._is_settled() and time.monotonic() < end:
            reported = self.collector.await_report(_REPORT_WITHIN)
            _require_alive(process)
            now = self._progress()
            if now == before and not reported:
                return
            still, before = still + 1 if now == before else 0, now

    def _is_settled(self) -> bool:
        """Say whether the node accounts for all that was sent, and all that it answered has arrived."""
        counts = self._counts()
        return (
            counts is not None
            and not counts.gaps()
            and self.collector.answered() >= counts.answered + counts.alone
        )

    def _progress(self) -> tuple[Counts | None, int]:
        return self._counts(), sum(len(of) for of in self.collector.arrivals.values())

    def _lays_on_by(self, by: str) -> bool:
        """Say whether the node has reported and, when it last did, laid infrared on by this."""
        report = self._last_report()
        return report is not None and report.values[REGISTRATION_BY] == by

    def _counts(self) -> Counts | None:
        return accounting.count(self._last_report(), self.before, self.sent)

    def _last_report(self) -> HealthReport | None:
        return self.collector.reports[-1] if self.collector.reports else None

    def score(self) -> Scores:
        """Score the pairs that were kept and draw the preview on the way."""
        options, classes = self.options, len(self.model.classes)
        scores = Scores(np.zeros((classes, classes), np.int64))
        chosen = self.chosen & self.collector.kept()
        kept = answered_pairs(self.plan, self.collector, self.registration)
        rate = min(60.0, max(1.0, 1e9 / self.plan.interval))
        colours = self.model.colours
        with PreviewWriter(self.preview, rate, colours) if options.preview else nullcontext() as preview:
            try:
                score_answers(scores, kept, chosen, preview, self.plan.previous())
            except (ValueError, OSError, BrokenExecutor, cv2.error) as error:
                self.problems.append(f"scoring stopped: {error}")
        if preview is not None and preview.problem:
            self.problems.append(preview.problem)
        return scores

    def watch(self) -> None:
        """Look for what was wrong with the recording, if asked to."""
        if not self.options.watch:
            return
        try:
            self.watched = watch_recording(
                self.plan, self.registration, self.options.offset, self.options.thermal
            )
        except (ValueError, OSError, cv2.error) as error:
            self.problems.append(f"the recording could not be looked through: {error}")

    def _watch_of(self) -> Watch | None:
        """Return what was wrong with the recording, and when the first pass's answers left a camera out."""
        if self.watched is None or not self.sent.moments:
            return self.watched and self.watched.watch
        told, end = accounting.first_pass_states(self.collector.states, self.sent, self.plan.last)
        states = [(self.plan.seconds(at), state) for at, state in told]
        alone = about_answers(states, dict(zip(("rgb", "ir"), self.plan.cameras)), self.plan.seconds(end))
        watch = self.watched.watch
        return replace(watch, findings=tuple(sorted((*watch.findings, *alone), key=lambda one: one.spells)))

    def _quality(self, scores: Scores) -> Quality | None:
        quality, confidence = scores.quality(self.model.classes), list(self.collector.confidence.values())
        if quality is None or not confidence:
            return quality
        return replace(quality, confidence=round(float(np.mean(confidence)), 4))

    def summarise(self, scores: Scores) -> Summary:
        """Sum everything up and judge it by the limits."""
        counts = self._counts()
        offset = self.options.offset
        distances = [abs((ir - rgb) / 1e6 - offset * 1e3) for rgb, ir in self.plan.pairs]
        unjudged = Summary(
            bag=str(self.options.bag),
            bag_damage=self.plan.bag.damage,
            cameras=self.plan.cameras,
            frames=(self.sent.counts[0], self.sent.counts[1]),
            pairs=len(self.pairs),
            pair_interval_ms=round(self.plan.interval / 1e6 / self.options.rate, 2),
            pair_distance_median_ms=round(float(np.median(distances)), 3),
            pair_distance_largest_ms=round(max(distances), 3),
            topics={
                topic: accounting.account(self.pairs, self.sent, counts, self.collector, topic)
                for topic in ANSWERS
            },
            repeated=self.collector.repeated,
            counts=counts,
            load=accounting.load(self.collector.reports),
            quality=self._quality(scores),
            watch=self._watch_of(),
            limits=(),
            problems=tuple(self.problems),
            model=self._model_used(),
            classes=tuple(self.model.classes),
            machine=this_machine(),
            command=shlex.join(sys.argv),
            node=self.node_log,
        )
        return replace(unjudged, limits=judge(unjudged, self.limits))

    def _model_used(self) -> ModelUsed:
        sizes = accounting.sizes(self.collector.reports)
        if self.options.external:
            return ModelUsed("the external node's", "unknown", "unknown", sizes)
        return ModelUsed(str(self.model.path), self.model.version, self.model.sha256, sizes)

    def write(self, summary: Summary, scores: Scores) -> Summary:
        """Write the results and return the summary with the problems met; the numbers come first."""
        options = self.options
        rows = list(pair_rows(self.pairs, self.sent, self.collector, scores))
        steps: dict[str, Callable[[], None]] = {
            "summary.json": lambda: write_summary(options.out / "summary.json", summary),
            "pairs.csv": lambda: write_table(options.out / "pairs.csv", rows),
            "report.html": lambda: write_report(
                options.out / "report.html",
                summary,
                rows,
                lambda stamps: answered_pairs(self.plan, self.collector, self.registration, stamps),
                self.model.colours,
                self.collector.reports,
                self.watched,
            ),
        }
        if (bag := options.record) is not None:
            steps[str(bag)] = lambda: record_replay(
                bag, self.plan, self.sent, self.collector, self.wall_offset
            )
        problems = list(summary.problems)
        for name, step in steps.items():
            try:
                step()
            except (OSError, ValueError) as error:
                problems.append(f"{name} could not be written: {error}")
        return replace(summary, problems=tuple(problems))


def _require_alive(process: NodeProcess | None) -> None:
    if process is not None and (death := process.death()):
        raise NodeProcessError(death)

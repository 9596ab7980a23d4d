"""Hold everything that lives from configure to cleanup, and answer each pair with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from mtvif_ros import topics
from mtvif_ros.engines.timed import TimedEngine
from mtvif_ros.image import AnyImage, Image, ImageFormatError
from mtvif_ros.imaging.codec import FALSE_COLOURS, read_infrared, read_rgb
from mtvif_ros.imaging.confidence import ignore_uncertain
from mtvif_ros.imaging.fuse import fuse_pair, segment_alone
from mtvif_ros.imaging.regions import Region, find_regions
from mtvif_ros.imaging.resize import WidthHeight
from mtvif_ros.imaging.thermal import Celsius, ThermalScaler, temperatures
from mtvif_ros.model_file import ModelFile
from mtvif_ros.node.aligner import Aligner
from mtvif_ros.node.announce import Announcer
from mtvif_ros.node.diagnostics import diagnostics_message
from mtvif_ros.node.fallback import Fallback
from mtvif_ros.node.headers import Headers
from mtvif_ros.node.health import Answer, HealthReport, Level, Monitor, Work
from mtvif_ros.node.inputs import Alone, Arrived, Inputs, Item, cameras
from mtvif_ros.node.labels import declare_labels, publish_label_info
from mtvif_ros.node.outputs import Outputs
from mtvif_ros.node.parameter_server import ParameterError, unused_qos
from mtvif_ros.node.parameters import Parameters, Thermal
from mtvif_ros.node.rate_limit import RateLimit, period
from mtvif_ros.node.sight import Sight
from mtvif_ros.node.silence import why_silent
from mtvif_ros.node.sized_engine import SizedEngine
from mtvif_ros.node.status import Status
from mtvif_ros.node.worker import LatestWorker
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.pairing.synchronizer import Stream
from mtvif_ros.size import Size, shown

Pixels = TypeVar("Pixels")

_REPORT_PERIOD = 1.0  # s
_WATCH_PERIOD = 0.05  # s: after so long at most the node notices a listener, and tells that a camera is lost
_GRACE = NANOSECONDS // 5  # for the first answer after a camera is known to be lost
_LINGER = 5 * NANOSECONDS  # without a listener, before the node unsubscribes from the cameras


class _Seen(NamedTuple):
    """Hold a frame as the camera sent it, and as 8 bits: (H, W, 3) or (H, W)."""

    raw: AnyImage
    picture: Image


class NothingToSeeError(ValueError):
    """Say that no camera shows anything that an answer could rest on."""


class Runtime:
    """Load the engine, create the publishers, and answer pairs while active.

    It is made whole or, with an exception that says why, leaves nothing behind. All counts begin here, so
    that they agree over any number of activations.
    """

    def __init__(self, node: LifecycleNode, parameters: Parameters):
        self._node = node
        self._parameters = parameters
        self._thermal = make_thermal(parameters.thermal)
        self._registration = Aligner(node, parameters.registration)
        self._sized = SizedEngine(parameters, node.get_logger().info)
        self._detected = check_model(parameters, self._sized.engine.model)
        self._cameras = cameras(node, parameters)
        self._topics = {stream: camera.topic for stream, camera in self._cameras.items()}
        self._sight = Sight(time.monotonic_ns())
        self._fallback = Fallback(self._sight, parameters.fallback)
        self._monitor = Monitor(self._topics, self._sight, time.monotonic_ns())
        self._rate_limit = RateLimit(parameters.rate.maximum)
        self._skipped = 0
        self._is_wanted = True
        self._wanted_at = self._opened_at = 0
        self._due_since = self._answering = 0  # when the last answer came, or had to; how long it took
        self._headers = Headers(parameters.sync)
        self._timers: list[Any] = []
        with ExitStack() as made:
            made.callback(self._sized.close)
            self._outputs = Outputs(node, made, self._sized.engine.model)
            self._diagnostics = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
            made.callback(node.destroy_publisher, self._diagnostics)
            declare_labels(node, self._sized.engine.model)
            publish_label_info(node, made, self._sized.engine.model)
            self._status = Status(node, made)
            self._worker = LatestWorker(self._answer, self._fail, "inference")
            made.callback(self._worker.stop)
            self._inputs = Inputs(
                node,
                self._cameras,
                parameters.sync,
                self._monitor,
                self._sight,
                self._fallback,
                self._take,
            )
            self._made = made.pop_all()
        self._announce = Announcer(node.get_logger().warning, node.get_logger().info)

    def activate(self) -> None:
        """Subscribe to both cameras and report every second, or raise and do neither."""
        try:
            now = time.monotonic_ns()
            self._open(now)
            self._monitor.begin(now, self._inputs.counts(), self._work())
            self._registration.open()
            # Real time: with use_sim_time a paused bag would stop these timers.
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            for seconds, action in ((_REPORT_PERIOD, self._report), (_WATCH_PERIOD, self._watch)):
                self._timers.append(self._node.create_timer(seconds, action, clock=steady))
        except Exception:
            self.deactivate()
            raise
        for line in unused_qos(self._node):
            self._node.get_logger().warning(line)

    def deactivate(self) -> None:
        """Stop listening and finish the pair at hand."""
        while self._timers:
            self._node.destroy_timer(self._timers.pop())
        self._inputs.close()
        self._registration.close()
        self._worker.settle()
        self._status.tell(is_idle=True)

    def close(self) -> None:
        """Finish the pair at hand and release everything."""
        self.deactivate()
        self._made.close()

    def adopt(self, parameters: Parameters) -> None:
        """Adopt new values of live parameters. Raises ValueError and changes nothing if one is unusable."""
        detected = check_model(parameters, self._sized.engine.model)
        thermal = make_thermal(parameters.thermal)
        self._registration.adopt(parameters.registration)
        # A new scaler forgets the range that it follows, and the picture would jump.
        if parameters.thermal != self._parameters.thermal:
            self._thermal = thermal
        self._inputs.set_slop(parameters.sync.slop)
        self._fallback.adopt(parameters.fallback)
        if parameters.rate != self._parameters.rate:
            self._rate_limit.set(parameters.rate.maximum)
        self._detected = detected
        self._parameters = parameters

    def description(self) -> str:
        """Return the engine and the model in one line."""
        engine, model = self._sized.engine, self._sized.engine.model
        return (
            f"engine {engine.description}; model {model.path.name} {model.version}, "
            f"{shown(engine.size)}, {len(model.classes)} classes"
        )

    def summary(self) -> str:
        """Return in one line how pairs and frames have ended so far."""
        answered, failed = self._monitor.outcome()
        pairs = f"published {answered}, superseded {self._worker.superseded}, failed {failed}"
        if self._skipped:
            pairs += f", skipped {self._skipped}"
        return "; ".join(
            [pairs, *(f"{self._topics[stream]}: {of}" for stream, of in self._inputs.counts().items())]
        )

    def _work(self) -> Work:
        return Work(self._worker.superseded, self._skipped)

    def _open(self, now: int) -> None:
        self._inputs.open()
        self._is_wanted = True
        self._wanted_at = self._opened_at = self._due_since = now

    def _watch(self) -> None:
        """Listen to the cameras while somebody wants answers, and tell which of them see."""
        now = time.monotonic_ns()
        self._is_wanted = not self._parameters.lazy or self._outputs.are_heard()
        if not self._is_wanted:
            self._due_since = now
            if now - self._wanted_at > _LINGER:
                self._inputs.close()
            self._status.tell(is_idle=True)
            return
        if not self._inputs.are_open:
            self._open(now)
        self._wanted_at = now
        if self._need_confidence():
            self._sized.prepare_confidence()
        if now - self._opened_at > self._fallback.after or all(map(self._sight.has_sent, Stream)):
            left_out, awaited = self._fallback.left_out(now), self._fallback.awaited(now)
            if awaited or len(left_out) == len(Stream):
                self._due_since = now
            self._status.tell(left_out, awaited, is_stuck=self._is_stuck(now))

    def _is_stuck(self, now: int) -> bool:
        """Say whether no answer comes, for longer than it takes to notice that a camera is lost."""
        usual = self._answering + period(self._parameters.rate.maximum)
        return now - self._due_since > self._sight.patience(self._fallback.after) + usual + _GRACE

    def _take(self, item: Item) -> None:
        if self._is_wanted and self._rate_limit.passes(time.monotonic_ns()):
            self._worker.put(item)
        else:
            self._skipped += 1

    def _answer(self, item: Item) -> None:
        frames: dict[Stream, Arrived]
        if isinstance(item, Alone):
            frames = {item.stream: item.frame}
        else:
            frames = {Stream.RGB: item.rgb, Stream.IR: item.ir}
        seen_by, unread = self._look_at(frames)
        blind = self._fallback.blind()  # a camera may fall silent while its last frame waits here
        used = {stream: seen for stream, seen in seen_by.items() if stream not in blind}
        if unread and not (used and unread.keys() <= blind.keys()):
            raise next(iter(unread.values()))
        if not used:
            losses = ", ".join(f"{self._topics[stream]} is {blind[stream]}" for stream in seen_by)
            raise NothingToSeeError(f"no camera shows anything: {losses}")
        header, stamp = self._headers.of_answer(frames)
        size = self._headers.size or _size_of(seen_by[Stream.IR].picture)
        least = self._parameters.confidence.minimum
        engine = TimedEngine(self._sized.for_camera(size, self._need_confidence(), wait=least > 0))
        begun = time.monotonic_ns()
        if len(used) == len(Stream):
            fused, mask, confidence = fuse_pair(
                engine, used[Stream.RGB].picture, used[Stream.IR].picture, self._registration
            )
        else:
            ((stream, seen),) = used.items()
            fused, mask, confidence = segment_alone(engine, stream, seen.picture, size, self._registration)
        if confidence is not None and least:
            mask = ignore_uncertain(mask, confidence, least)
        self._outputs.publish(fused, mask, header, self._inputs.camera_info)
        self._monitor.answered(
            Answer(
                from_stamp=self._inputs.clock.now() - stamp,
                from_arrival=time.monotonic_ns() - max(frame.at for frame in frames.values()),
                inference=engine.taken,
                distance=None if isinstance(item, Alone) else item.distance,
                rests_on=frozenset(used),
            )
        )
        self._publish_rest(
            fused, mask, confidence, used[Stream.IR].raw if Stream.IR in used else None, header
        )
        self._due_since = time.monotonic_ns()
        self._answering = self._due_since - begun

    def _publish_rest(
        self, fused: Image, mask: Image, confidence: Image | None, ir: AnyImage | None, header: Header
    ) -> None:
        """Make of an answer and its infrared frame what else someone listens to."""
        if confidence is not None:
            self._outputs.publish_confidence(confidence, header)
        need_regions = self._need_regions()
        celsius = None
        if ir is not None and (need_regions or self._outputs.need_temperatures()):
            celsius = self._temperatures(ir, (mask.shape[1], mask.shape[0]))
        if celsius is not None:
            self._outputs.publish_temperatures(celsius, header)
        regions: list[Region] = []
        if need_regions:
            limits = self._parameters.detections
            regions = find_regions(
                mask, self._detected, limits.min_area, limits.max_area, confidence, celsius
            )
            self._outputs.publish_detections(regions, header)
        self._outputs.publish_overlay(fused, mask, regions, header, self._parameters.overlay.opacity)

    def _need_confidence(self) -> bool:
        is_judged = self._parameters.confidence.minimum > 0
        return is_judged or self._outputs.need_confidence() or self._need_regions()

    def _need_regions(self) -> bool:
        return self._outputs.need_regions(self._parameters.overlay.boxes)

    def _temperatures(self, grey: AnyImage, size: WidthHeight) -> Celsius | None:
        """Return an infrared frame in °C on the visible grid, None where it does not tell."""
        known = temperatures(grey, self._parameters.thermal.gain, self._parameters.thermal.offset)
        if known is not None:
            return self._registration(known, size, size)
        if self._outputs.need_temperatures():
            self._notice(
                f"{self._topics[Stream.IR]}: no temperatures: they need infrared of 16 bits, with "
                "thermal.gain and thermal.offset, or in °C as floats"
            )
        return None

    def _look_at(
        self, frames: Mapping[Stream, Arrived]
    ) -> tuple[dict[Stream, _Seen], dict[Stream, ImageFormatError]]:
        """Look at the frames; return what they show or, of those that cannot be read, why."""
        seen_by, unread = {}, {}
        for stream, frame in frames.items():
            try:
                seen_by[stream] = self._look(stream, frame)
            except ImageFormatError as error:
                unread[stream] = error
        return seen_by, unread

    def _look(self, stream: Stream, frame: Arrived) -> _Seen:
        """Read a frame and note what it shows."""
        if stream is Stream.RGB:
            raw = picture = self._read(stream, read_rgb, frame.message)
            self._headers.see(frame, _size_of(picture))
        else:
            raw, is_coloured = self._read(stream, read_infrared, frame.message)
            if is_coloured:
                self._notice(f"{self._topics[stream]}: {FALSE_COLOURS}")
            picture = self._scaled(raw)
        self._sight.seen(stream, raw, picture, time.monotonic_ns())
        return _Seen(raw, picture)

    def _scaled(self, grey: AnyImage) -> Image:
        thermal = self._thermal
        before = thermal.restarts
        ir = thermal(grey)
        topic = self._topics[Stream.IR]
        if thermal.restarts > before:
            self._notice(f"{topic}: left the thermal range at once (gain switch, shutter?): it begins anew")
        if thermal.misses:
            self._notice(
                f"{topic}: most of the frame lies outside the fixed range: change thermal.fixed_low and "
                "thermal.fixed_high, thermal.gain or thermal.offset"
            )
        return ir

    def _notice(self, words: str) -> None:
        if self._monitor.noticed(words, time.monotonic_ns()):
            self._node.get_logger().warning(words)

    def _read(self, stream: Stream, read: Callable[[Any], Pixels], message: Any) -> Pixels:
        try:
            return read(message)
        except ImageFormatError as error:
            self._sight.unread(stream, str(error), time.monotonic_ns())
            raise ImageFormatError(f"{self._topics[stream]}: {error}") from error

    def _fail(self, error: Exception) -> None:
        self._monitor.failed(error)
        self._node.get_logger().error(f"pair dropped: {error}", throttle_duration_sec=1.0)

    def _report(self) -> None:
        now = time.monotonic_ns()
        report = self._monitor.report(
            now,
            self._inputs.counts(),
            self._work(),
            self._fallback.left_out(now),
            self._inputs.why_unpaired,
            is_idle=not self._inputs.are_open,
        )
        self._sized.keep_pace(report)
        self._tell(report, now)
        name, stamp = self._node.get_fully_qualified_name(), self._node.get_clock().now().to_msg()
        engine, by = self._sized.engine, self._registration.by
        self._diagnostics.publish(diagnostics_message(report, name, engine, by, stamp))

    def _tell(self, report: HealthReport, now: int) -> None:
        """Log what lasts: each camera's silence with its likely reason, else the state."""
        for stream, health in report.cameras.items() if self._inputs.are_open else ():
            if health.is_silent or self._sight.has_sent(stream):  # else it has a moment yet to begin
                reason = why_silent(self._node, self._cameras[stream]) if health.is_silent else None
                self._announce(health.topic, reason, f"{health.topic}: frames arrive", now)
        has_time = self._node.get_clock().now().nanoseconds > 0
        clock = self._node.resolve_topic_name(topics.CLOCK)
        no_clock = (
            f"{clock}: use_sim_time is true, but no time comes: frames without stamps get this machine's; "
            "publish it, such as with ros2 bag play --clock, or set use_sim_time to false"
        )
        self._announce(clock, None if has_time else no_clock, f"{clock}: time comes", now)
        # Failed pairs and notices have lines of their own.
        if report.level in (Level.OK, Level.WARN) and not report.notices:
            problem = report.message if report.level else None
            self._announce("state", problem, report.message, now)


def _size_of(picture: Image) -> Size:
    return picture.shape[0], picture.shape[1]


def check_model(parameters: Parameters, model: ModelFile) -> tuple[int, ...]:
    """Return the mask values to detect.

    Raises ParameterError, naming the parameter, where it asks for what the model file lacks.
    """
    if parameters.confidence.minimum and not model.has_confidence:
        raise ParameterError(
            f"confidence.minimum: model file {model.path} gives no confidence; export it again with "
            "training.export, or set 0"
        )
    names = [name for name in parameters.detections.classes if name]
    if unknown := [name for name in names if name not in model.classes]:
        raise ParameterError(
            f"detections.classes: {', '.join(unknown)}: no class of {model.path}; it has "
            f"{', '.join(model.classes)}"
        )
    return tuple(model.classes.index(name) for name in names) or tuple(range(1, len(model.classes)))


def make_thermal(values: Thermal) -> ThermalScaler:
    """Return what makes 16-bit infrared 8-bit. Raises ValueError for values that contradict each other."""
    fixed = (values.fixed_low, values.fixed_high)
    return ThermalScaler(
        percentiles=(values.low, values.high),
        follow=values.follow,
        fixed=fixed if fixed[0] != fixed[1] else None,
        invert=values.invert,
        gain=values.gain,
        offset=values.offset,
    )

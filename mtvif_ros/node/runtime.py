"""Hold everything that lives from configure to cleanup, and answer each pair with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from mtvif_ros import topics
from mtvif_ros.image import AnyImage, Image, ImageFormatError
from mtvif_ros.imaging.codec import FALSE_COLOURS, read_infrared, read_rgb
from mtvif_ros.imaging.doubt import without_doubt
from mtvif_ros.imaging.fuse import fuse_pair
from mtvif_ros.imaging.regions import Region, find_regions
from mtvif_ros.imaging.registration import Registration, read_registration
from mtvif_ros.imaging.thermal import Celsius, ThermalScaler, temperatures
from mtvif_ros.model_file import ModelFile
from mtvif_ros.node.announce import Announcer
from mtvif_ros.node.health import Answer, HealthReport, Level, Monitor, diagnostics_message
from mtvif_ros.node.inputs import Arrived, Inputs, cameras
from mtvif_ros.node.labels import declare_labels, publish_label_info
from mtvif_ros.node.outputs import Outputs
from mtvif_ros.node.parameters import Calibration, ParameterError, Parameters, Thermal, unused_qos
from mtvif_ros.node.silence import why_silent
from mtvif_ros.node.sized_engine import SizedEngine
from mtvif_ros.node.worker import LatestWorker
from mtvif_ros.pairing.synchronizer import Pair, Stream
from mtvif_ros.size import shown

Pixels = TypeVar("Pixels")

_REPORT_PERIOD = 1.0  # s


class Runtime:
    """Load the engine, create the publishers, and answer pairs while active.

    It is made whole or, with an exception that says why, leaves nothing behind. All counts begin here, so
    that they agree over any number of activations.
    """

    def __init__(self, node: LifecycleNode, parameters: Parameters):
        self._node = node
        self._parameters = parameters
        self._thermal = make_thermal(parameters.thermal)
        self._registration = make_registration(parameters.registration)
        self._sized = SizedEngine(parameters, node.get_logger().info)
        self._detected = check_model(parameters, self._sized.engine.model)
        self._cameras = cameras(node, parameters)
        self._topics = {stream: camera.topic for stream, camera in self._cameras.items()}
        self._monitor = Monitor(self._topics, time.monotonic_ns())
        self._timers: list[Any] = []
        with ExitStack() as made:
            self._outputs = Outputs(node, made, self._sized.engine.model)
            self._diagnostics = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
            made.callback(node.destroy_publisher, self._diagnostics)
            declare_labels(node, self._sized.engine.model)
            publish_label_info(node, made, self._sized.engine.model)
            self._worker = LatestWorker(self._answer, self._fail, "inference")
            made.callback(self._worker.stop)
            self._inputs = Inputs(node, self._cameras, parameters.sync, self._monitor, self._worker.put)
            self._made = made.pop_all()
        self._announce = Announcer(node.get_logger().warning, node.get_logger().info)

    def activate(self) -> None:
        """Subscribe to both cameras and report every second, or raise and do neither."""
        try:
            self._inputs.open()
            # Real time: with use_sim_time a paused bag would stop this timer.
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timers.append(self._node.create_timer(_REPORT_PERIOD, self._report, clock=steady))
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
        self._worker.settle()

    def close(self) -> None:
        """Finish the pair at hand and release everything."""
        self.deactivate()
        self._made.close()

    def adopt(self, parameters: Parameters) -> None:
        """Take over new values of live parameters; all of them or, with a ValueError, none."""
        detected = check_model(parameters, self._sized.engine.model)
        thermal = make_thermal(parameters.thermal)
        # The calibration file is read even under the name that it had: its content may be new.
        self._registration = make_registration(parameters.registration)
        # A new scaler forgets the range that it follows, and the picture would jump.
        if parameters.thermal != self._parameters.thermal:
            self._thermal = thermal
        self._inputs.set_slop(parameters.sync.slop)
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
        return "; ".join(
            [pairs, *(f"{self._topics[stream]}: {of}" for stream, of in self._inputs.counts().items())]
        )

    def _answer(self, pair: Pair[Arrived]) -> None:
        visible = pair.rgb.message
        rgb = self._read(Stream.RGB, read_rgb, visible)
        grey, is_coloured = self._read(Stream.IR, read_infrared, pair.ir.message)
        before = time.monotonic_ns()
        self._monitor.seen(Stream.RGB, rgb, before)
        self._monitor.seen(Stream.IR, grey, before)
        if is_coloured:
            self._notice(f"{self._topics[Stream.IR]}: {FALSE_COLOURS}")
        ir = self._scaled(grey)
        least = self._parameters.confidence.minimum
        engine = self._sized.for_camera(
            (rgb.shape[0], rgb.shape[1]), least > 0 or self._outputs.need_confidence() or self._need_regions()
        )
        before = time.monotonic_ns()
        fused, mask, confidence = fuse_pair(engine, rgb, ir, self._registration)
        inference = time.monotonic_ns() - before
        if confidence is not None and least:
            mask = without_doubt(mask, confidence, least)
        self._outputs.publish(fused, mask, visible.header, self._inputs.camera_info)
        self._monitor.answered(
            Answer(
                from_stamp=self._inputs.clock.now() - pair.rgb.stamp,
                from_arrival=time.monotonic_ns() - max(pair.rgb.at, pair.ir.at),
                inference=inference,
                distance=pair.distance,
            )
        )
        self._publish_rest(fused, mask, confidence, grey, visible.header)

    def _publish_rest(
        self, fused: Image, mask: Image, confidence: Image | None, grey: AnyImage, header: Header
    ) -> None:
        """Make of an answer and its infrared frame what else someone listens to."""
        if confidence is not None:
            self._outputs.publish_confidence(confidence, header)
        need_regions = self._need_regions()
        celsius = None
        if need_regions or self._outputs.need_temperatures():
            celsius = self._temperatures(grey, (mask.shape[1], mask.shape[0]))
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

    def _need_regions(self) -> bool:
        return self._outputs.need_regions(self._parameters.overlay.boxes)

    def _temperatures(self, grey: AnyImage, size: tuple[int, int]) -> Celsius | None:
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
            raise ImageFormatError(f"{self._topics[stream]}: {error}") from error

    def _fail(self, error: Exception) -> None:
        self._monitor.failed(error)
        self._node.get_logger().error(f"pair dropped: {error}", throttle_duration_sec=1.0)

    def _report(self) -> None:
        report = self._monitor.report(
            time.monotonic_ns(), self._inputs.counts(), self._worker.superseded, self._inputs.why_unpaired
        )
        self._tell(report, time.monotonic_ns())
        name, now = self._node.get_fully_qualified_name(), self._node.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostics_message(report, name, self._sized.engine.description, now))

    def _tell(self, report: HealthReport, now: int) -> None:
        """Log what lasts: each camera's silence with its likely reason, else the state."""
        for stream, health in report.cameras.items():
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


def check_model(parameters: Parameters, model: ModelFile) -> tuple[int, ...]:
    """Return the mask values to detect.

    Raises ParameterError where parameters ask for what the model file has not.
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


def make_registration(values: Calibration) -> Registration:
    """Return how infrared lies on the visible frame. Raises RegistrationError."""
    if values.file:
        return read_registration(Path(values.file))
    return Registration(values.homography)

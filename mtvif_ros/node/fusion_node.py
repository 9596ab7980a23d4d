"""Subscribe to both cameras, pair their frames, run the network, publish its two results."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

import cv2
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mtvif_ros.engines import Engine, load_engine
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.fuse import fuse_pair
from mtvif_ros.node.diagnostics import diagnostic_message
from mtvif_ros.node.health import Answer, Monitor
from mtvif_ros.node.inputs import subscribe_camera_info, subscribe_images
from mtvif_ros.node.interrupts import interruptible
from mtvif_ros.node.labels import declare_labels, publish_label_info
from mtvif_ros.node.memory import keep_freed_memory
from mtvif_ros.node.outputs import Outputs
from mtvif_ros.node.parameters import (
    declare_parameters,
    overlooked_parameters,
    read_parameters,
    watch_parameters,
)
from mtvif_ros.node.settings import (
    AnySynchronizer,
    Values,
    make_registration,
    make_synchronizer,
    make_thermal,
)
from mtvif_ros.node.worker import LatestWorker
from mtvif_ros.pairing.stamps import header_stamp, in_ns
from mtvif_ros.pairing.synchronizer import Pair, Stream

_TOPICS = {Stream.RGB: "rgb/image_raw", Stream.IR: "ir/image_raw"}


class Arrived(NamedTuple):
    """Hold an image message and when it arrived, in monotonic ns."""

    message: Image | CompressedImage
    at: int


class FusionNode(LifecycleNode):
    """Wire subscriptions, synchronizer, worker and publishers together."""

    def __init__(self, **options: Any):
        super().__init__("fusion_node", **options)
        declare_parameters(self)
        for line in overlooked_parameters(self):
            self.get_logger().warning(line)
        self._engine: Engine | None = None
        self._outputs: Outputs | None = None
        self._worker: LatestWorker[Pair[Arrived]] | None = None
        self._synchronizer: AnySynchronizer[Arrived] | None = None
        self._camera_info: CameraInfo | None = None
        self._inputs: list[Any] = []
        self._ticks: list[Any] = []
        self._reports: list[Any] = []
        self._published = 0
        self._superseded = 0
        self._failures = 0
        self._last_failure = ""
        watch_parameters(self, lambda: self._engine is not None, self._apply)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters, load and warm the engine, create the publishers."""
        # rclpy swallows what a transition raises, so the reason is logged here.
        try:
            values = self._values = read_parameters(self)
            # All counts begin together, so that they agree over any number of activations.
            self._synchronizer = make_synchronizer(values)
            self._monitor = Monitor(tuple(_TOPICS.values()), time.monotonic_ns())
            self._published = self._superseded = self._failures = 0
            self._apply(values, values.keys())
            self._engine = load_engine(
                values["model"] or None, values["backend"], values["threads"], values["device"]
            )
            self._outputs = Outputs(self)
        except Exception as error:
            self.get_logger().error(f"cannot configure: {error}")
            self._release()
            return TransitionCallbackReturn.FAILURE
        model = self._engine.model
        declare_labels(self, model)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._reports = [self._diagnostics, publish_label_info(self, model)]
        self.get_logger().info(
            f"engine {self._engine.description}; model {model.path.name} {model.version}, "
            f"{model.width}x{model.height}, {len(model.classes)} classes"
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe to both cameras."""
        self._worker = LatestWorker(self._process, self._report_failure, "inference")
        transports = {Stream.RGB: self._values["rgb.transport"], Stream.IR: self._values["ir.transport"]}
        try:
            for stream, topic in _TOPICS.items():
                callback = partial(self._receive, stream)
                self._inputs.append(subscribe_images(self, topic, transports[stream], callback))
            self._inputs.append(subscribe_camera_info(self, _TOPICS[Stream.RGB], self._keep_camera_info))
        except Exception as error:
            self.get_logger().error(f"cannot activate: {error}")
            self._stop()
            return TransitionCallbackReturn.FAILURE
        # Waiting is counted in real time: under use_sim_time a paused bag would stop these timers too.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._ticks = [
            self.create_timer(self._values["sync.max_wait"] / 4, self._poll, clock=steady),
            self.create_timer(1.0, self._publish_diagnostics, clock=steady),
        ]
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and finish the pair at hand."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the engine and the publishers."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything from any state."""
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def release(self) -> None:
        """Stop the worker and free the engine, whatever the state."""
        self._stop()
        self._release()

    def summary(self) -> str:
        """Return in one line how the frames so far have ended."""
        if self._synchronizer is None:
            return "never configured"
        streams = (f"{stream.name.lower()} {self._synchronizer.counts(stream)}" for stream in Stream)
        ended = f"published {self._published}, superseded {self._all_superseded()}, failed {self._failures}"
        return f"{ended}; " + ", ".join(streams)

    def _apply(self, values: Values, changed: Collection[str]) -> None:
        """Take over what may change while the node runs; all of it or, with a ValueError, nothing."""
        thermal, registration = make_thermal(values), make_registration(values)
        assert self._synchronizer is not None
        self._synchronizer.set_slop(in_ns(values["sync.slop"]))
        # A new scaler would forget the range that it follows, and the picture would jump.
        if any(name.startswith("thermal.") for name in changed):
            self._thermal = thermal
        self._registration = registration
        self._opacity = values["overlay.opacity"]

    def _keep_camera_info(self, message: CameraInfo) -> None:
        self._camera_info = message

    def _all_superseded(self) -> int:
        return self._superseded + (self._worker.superseded if self._worker else 0)

    def _receive(self, stream: Stream, message: Image) -> None:
        assert self._synchronizer is not None
        now = time.monotonic_ns()
        stamp = header_stamp(message)
        self._monitor.received(_TOPICS[stream], now, stamped=stamp != 0)
        if stamp == 0:
            stamp = self.get_clock().now().nanoseconds
            self.get_logger().warning(
                f"{_TOPICS[stream]}: stamps are zero, so frames are paired by arrival; "
                "set header.stamp in the camera driver",
                throttle_duration_sec=10.0,
            )
        self._hand_over(self._synchronizer.add(stream, stamp, Arrived(message, now), now))

    def _poll(self) -> None:
        assert self._synchronizer is not None
        self._hand_over(self._synchronizer.poll(time.monotonic_ns()))

    def _hand_over(self, pairs: list[Pair[Arrived]]) -> None:
        assert self._worker is not None
        for pair in pairs:
            self._worker.put(pair)

    def _process(self, pair: Pair[Arrived]) -> None:
        assert self._engine is not None and self._outputs is not None
        visible = pair.rgb.message
        rgb, grey = read_rgb(visible), read_grey(pair.ir.message)
        self._monitor.seen(_TOPICS[Stream.RGB], rgb, time.monotonic_ns())
        self._monitor.seen(_TOPICS[Stream.IR], grey, time.monotonic_ns())
        ir = self._thermal(grey)
        before = time.monotonic_ns()
        fused, mask = fuse_pair(self._engine, rgb, ir, self._registration)
        inference = time.monotonic_ns() - before
        self._outputs.publish(fused, mask, visible.header, self._camera_info)
        self._published += 1
        stamp = header_stamp(visible)
        arrival = max(pair.rgb.at, pair.ir.at)
        self._monitor.answered(
            Answer(
                from_stamp=self.get_clock().now().nanoseconds - stamp,
                from_arrival=time.monotonic_ns() - arrival,
                inference=inference,
                distance=pair.distance,
            )
        )
        self._outputs.publish_overlay(fused, mask, visible.header, self._opacity)

    def _report_failure(self, error: Exception) -> None:
        self._failures += 1
        self._last_failure = str(error)
        self.get_logger().error(f"pair dropped: {error}", throttle_duration_sec=1.0)

    def _publish_diagnostics(self) -> None:
        assert self._synchronizer is not None and self._engine is not None
        counts = {topic: asdict(self._synchronizer.counts(stream)) for stream, topic in _TOPICS.items()}
        report = self._monitor.report(
            time.monotonic_ns(), counts, self._all_superseded(), self._failures, self._last_failure
        )
        name, now = self.get_fully_qualified_name(), self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostic_message(report, name, self._engine.description, now))

    def _stop(self) -> None:
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs.clear()
        for timer in self._ticks:
            self.destroy_timer(timer)
        self._ticks.clear()
        if self._synchronizer is not None:
            self._synchronizer.flush()
        if self._worker is not None:
            self._worker.stop()
            self._superseded += self._worker.superseded
            self._worker = None

    def _release(self) -> None:
        self._engine = None
        if self._outputs is not None:
            self._outputs.destroy()
            self._outputs = None
        for publisher in filter(None, self._reports):
            self.destroy_publisher(publisher)
        self._reports.clear()


def _autostart(node: FusionNode) -> bool:
    if not node.get_parameter("autostart").value:
        return True
    done = (node.trigger_configure, node.trigger_activate)
    return all(step() == TransitionCallbackReturn.SUCCESS for step in done)


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is told to stop; return 1 when it cannot start."""
    keep_freed_memory()
    cv2.setNumThreads(1)  # the engine owns the cores
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = FusionNode()
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        print(f"fusion_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    # rclpy 7.1's EventsExecutor spins at full load without work and never fires a timer.
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        with interruptible(executor):
            if not _autostart(node):
                return 1
            executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.release()
        print(f"fusion_node: {node.summary()}", file=sys.stderr)
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Subscribe to both cameras, pair their frames, run the network, publish its two results."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

import cv2
import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from mtvif_ros.engines import Engine, load_engine
from mtvif_ros.image_codec import read_grey, read_rgb, write_image
from mtvif_ros.latest import LatestWorker
from mtvif_ros.parameters import declare_parameters, read_parameters
from mtvif_ros.pipeline import fuse_pair
from mtvif_ros.synchronizer import Pair, Stream, Synchronizer
from mtvif_ros.thermal import ThermalScaler

_OUTPUT_QOS = QoSProfile(depth=10)  # reliable: serves reliable and best-effort subscribers
_NS = 1_000_000_000


class FusionNode(LifecycleNode):
    """Wire subscriptions, synchronizer, worker and publishers together."""

    def __init__(self, **options: Any):
        super().__init__("fusion_node", **options)
        declare_parameters(self)
        self._engine: Engine | None = None
        self._worker: LatestWorker[Pair[Image]] | None = None
        self._synchronizer: Synchronizer[Image] | None = None
        self._inputs: list[Any] = []
        self._poll_timer: Any = None
        self._published = 0
        self._superseded = 0
        self._failures = 0

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters, load and warm the engine, create the publishers."""
        # rclpy swallows what a transition raises, so the reason is logged here.
        try:
            values = read_parameters(self)
            self._engine = load_engine(
                values["model"] or None, values["backend"], values["threads"], values["device"]
            )
            self._synchronizer = Synchronizer(
                slop=round(values["sync.slop"] * _NS),
                queue_size=values["sync.queue_size"],
                max_wait=round(values["sync.max_wait"] * _NS),
                offset=round(values["sync.offset"] * _NS),
            )
            fixed = (values["thermal.fixed_low"], values["thermal.fixed_high"])
            self._thermal = ThermalScaler(
                percentiles=(values["thermal.low"], values["thermal.high"]),
                follow=values["thermal.follow"],
                fixed=fixed if fixed[1] else None,
                invert=values["thermal.invert"],
            )
        except Exception as error:
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        self._max_wait = values["sync.max_wait"]
        self._fused = self.create_lifecycle_publisher(Image, "mtvif/fused", _OUTPUT_QOS)
        self._mask = self.create_lifecycle_publisher(Image, "mtvif/segmentation", _OUTPUT_QOS)
        model = self._engine.model
        self.get_logger().info(
            f"engine {self._engine.description}; model {model.path.name} {model.version}, "
            f"{model.width}x{model.height}, {len(model.classes)} classes"
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe to both cameras."""
        self._worker = LatestWorker(self._process, self._report_failure, "inference")
        for topic, stream in (("rgb/image_raw", Stream.RGB), ("ir/image_raw", Stream.IR)):
            callback = partial(self._receive, stream)
            self._inputs.append(self.create_subscription(Image, topic, callback, qos_profile_sensor_data))
        self._poll_timer = self.create_timer(self._max_wait / 4, self._poll)
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
        superseded = self._superseded + (self._worker.superseded if self._worker else 0)
        return f"published {self._published}, superseded {superseded}, failed {self._failures}; " + ", ".join(
            streams
        )

    def _receive(self, stream: Stream, message: Image) -> None:
        assert self._synchronizer is not None
        stamp = message.header.stamp.sec * _NS + message.header.stamp.nanosec
        self._hand_over(self._synchronizer.add(stream, stamp, message, time.monotonic_ns()))

    def _poll(self) -> None:
        assert self._synchronizer is not None
        self._hand_over(self._synchronizer.poll(time.monotonic_ns()))

    def _hand_over(self, pairs: list[Pair[Image]]) -> None:
        assert self._worker is not None
        for pair in pairs:
            self._worker.put(pair)

    def _process(self, pair: Pair[Image]) -> None:
        assert self._engine is not None
        fused, mask = fuse_pair(self._engine, read_rgb(pair.rgb), self._thermal(read_grey(pair.ir)))
        # The mask first: machines wait for it, and it is a third of the fused image.
        self._mask.publish(write_image(mask, "mono8", pair.rgb.header))
        self._fused.publish(write_image(fused, "rgb8", pair.rgb.header))
        self._published += 1

    def _report_failure(self, error: Exception) -> None:
        self._failures += 1
        self.get_logger().error(f"pair dropped: {error}", throttle_duration_sec=1.0)

    def _stop(self) -> None:
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs.clear()
        if self._poll_timer is not None:
            self.destroy_timer(self._poll_timer)
            self._poll_timer = None
        if self._synchronizer is not None:
            self._synchronizer.flush()
        if self._worker is not None:
            self._worker.stop()
            self._superseded += self._worker.superseded
            self._worker = None

    def _release(self) -> None:
        self._engine = None
        for name in ("_fused", "_mask"):
            publisher = self.__dict__.pop(name, None)
            if publisher is not None:
                self.destroy_publisher(publisher)


def _autostart(node: FusionNode) -> bool:
    if not node.get_parameter("autostart").value:
        return True
    done = (node.trigger_configure, node.trigger_activate)
    return all(step() == TransitionCallbackReturn.SUCCESS for step in done)


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is told to stop; return 1 when it cannot start."""
    cv2.setNumThreads(1)  # the engine owns the cores
    rclpy.init(args=arguments)
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

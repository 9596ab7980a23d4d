"""Lead the node through its life: configure, activate, deactivate, clean up, shut down."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import cv2
import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from mtvif_ros.node.log_folder import provide_log_folder
from mtvif_ros.node.parameter_server import (
    declare_parameters,
    read_parameters,
    unknown_parameters,
    watch_parameters,
)
from mtvif_ros.node.parameters import Parameters
from mtvif_ros.node.process import REFUSED, interruptible, keep_freed_memory
from mtvif_ros.node.runtime import Runtime


class FusionNode(LifecycleNode):
    """Fuse and segment what two cameras see; a `Runtime` does it from configure to cleanup."""

    def __init__(self, **options: Any):
        super().__init__("fusion_node", **options)
        self._runtime: Runtime | None = None
        self._summary = "never configured"
        declare_parameters(self)
        for line in unknown_parameters(self):
            self.get_logger().warning(line)
        watch_parameters(self, lambda: self._runtime is not None, self._adopt)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters, load the engine, create the publishers."""
        return self._attempt("configure", self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to both cameras and answer their pairs."""
        if self._runtime is None:
            return TransitionCallbackReturn.FAILURE
        outcome = self._attempt("activate", self._runtime.activate)
        return super().on_activate(state) if outcome == TransitionCallbackReturn.SUCCESS else outcome

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and finish the pair at hand."""
        if self._runtime is not None:
            self._runtime.deactivate()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the engine and the publishers."""
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, whatever the state."""
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def release(self) -> str:
        """Finish the pair at hand, release everything, and return in one line how the frames ended."""
        if self._runtime is not None:
            self._runtime.close()
            self._summary = self._runtime.summary()
            self._runtime = None
        return self._summary

    def _LifecycleNodeMixin__change_state(self, transition_id: int) -> TransitionCallbackReturn:
        # rclpy of Humble and Jazzy lets a request that does not fit end `spin`, and offers no public way to
        # refuse one; newer versions refuse it here themselves.
        try:
            return super()._LifecycleNodeMixin__change_state(transition_id)  # type: ignore[misc]
        except RCLError:
            self.get_logger().warning(
                f"change_state: transition {transition_id} does not fit the node's state and is refused; "
                "`ros2 lifecycle list` shows those that do"
            )
            return TransitionCallbackReturn.FAILURE

    def _configure(self) -> None:
        self._runtime = Runtime(self, read_parameters(self))
        self.get_logger().info(self._runtime.description())

    def _adopt(self, parameters: Parameters) -> None:
        if self._runtime is not None:
            self._runtime.adopt(parameters)

    def _attempt(self, transition: str, step: Callable[[], None]) -> TransitionCallbackReturn:
        # rclpy swallows what a transition raises, so the node logs the reason.
        try:
            step()
        except Exception as error:
            self.get_logger().error(f"cannot {transition}: {error}")
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS


def _autostart(node: FusionNode) -> bool:
    if not node.get_parameter("autostart").value:
        return True
    steps = (node.trigger_configure, node.trigger_activate)
    return all(step() == TransitionCallbackReturn.SUCCESS for step in steps)


def main(arguments: list[str] | None = None) -> int:
    """Run the node until a signal ends it; return 1 when it cannot start."""
    keep_freed_memory()
    cv2.setNumThreads(1)  # the engine owns the cores
    provide_log_folder()
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        node = FusionNode()
    except KeyboardInterrupt:
        print("fusion_node: interrupted before it was ready", file=sys.stderr)
        rclpy.try_shutdown()
        return 0
    except REFUSED as error:
        print(f"fusion_node: ROS refuses: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    # rclpy 7.1's EventsExecutor spins at full load without work and never fires a timer.
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with interruptible(executor):  # to the end: a second signal finds the node finishing its work
        try:
            if not _autostart(node):
                return 1
            executor.spin()
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        finally:
            print(f"fusion_node: {node.release()}", file=sys.stderr)
            executor.shutdown()
            node.destroy_node()
            rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

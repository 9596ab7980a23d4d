import os
import signal
import threading

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from mtvif_ros.interrupts import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_wakes_an_executor_that_has_nothing_to_do_and_leaves_its_context_valid(number: int) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=rclpy.SignalHandlerOptions.NO)
    node = Node("idle", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    late = threading.Timer(10, executor.shutdown)
    late.start()
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    try:
        with pytest.raises(KeyboardInterrupt), interruptible(executor):
            executor.spin()
        assert context.ok()
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    finally:
        late.cancel()
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()

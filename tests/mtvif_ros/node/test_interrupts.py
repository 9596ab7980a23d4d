import signal
import subprocess
import sys

import pytest

# In a process of its own: what a test runner or other tests make of signals has no say in it.
IDLE = """
import faulthandler, os, signal, threading
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from mtvif_ros.node.interrupts import interruptible

faulthandler.enable()
rclpy.init(signal_handler_options=rclpy.SignalHandlerOptions.NO)
node = Node("idle")
executor = SingleThreadedExecutor()
executor.add_node(node)
late = threading.Timer(20, os._exit, (1,))  # a signal that wakes nobody is seen at the next message only
late.start()
before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
try:
    with interruptible(executor):
        print("spinning", flush=True)
        executor.spin()
except KeyboardInterrupt:
    assert rclpy.ok()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    print("interrupted", flush=True)
late.cancel()
executor.shutdown()
node.destroy_node()
rclpy.shutdown()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_wakes_an_executor_that_has_nothing_to_do_and_leaves_its_context_valid(number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", IDLE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)  # it waits in C by then
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert (line, output, process.returncode) == ("spinning\n", "interrupted\n", 0), errors

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mtvif_ros.node.dds import dds_environment
from mtvif_ros.node.process import stand_back

# In a process of its own, away from what the test runner does with signals.
IDLE = """
import faulthandler, os, signal, threading
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from mtvif_ros.node.process import interruptible

faulthandler.enable()
rclpy.init(signal_handler_options=rclpy.SignalHandlerOptions.NO)
node = Node("idle")
executor = SingleThreadedExecutor()
executor.add_node(node)
late = threading.Timer(60, os._exit, (1,))  # a signal that wakes nobody would wait for the next message
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
        process.wait(0.3)  # so that it waits in C
    process.send_signal(number)
    output, errors = process.communicate(timeout=90)
    assert (line, output, process.returncode) == ("spinning\n", "interrupted\n", 0), errors


BUSY = """
import os, signal, time
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from mtvif_ros.node.process import interruptible

def work():
    try:
        for pause in {pauses}:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(pause)
        print("ended")
    except BaseException as error:
        raise RuntimeError("as pybind11 does it") from error

rclpy.init(signal_handler_options=rclpy.SignalHandlerOptions.NO)
node = Node("busy")
node.create_timer(0.01, work)
executor = SingleThreadedExecutor()
executor.add_node(node)
try:
    with interruptible(executor):
        executor.spin()
except BaseException as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("pauses", "told", "code"),
    [
        ([0.05], ["ended", "KeyboardInterrupt"], 0),
        ([0.0, 0.05], ["ended", "KeyboardInterrupt"], 0),  # a terminal and a launcher pass on one Ctrl-C
        ([1.1, 0.05], [], 128 + signal.SIGINT),
    ],
)
def test_a_signal_lets_the_callback_at_hand_end_and_a_later_one_does_not(
    pauses: list[float], told: list[str], code: int
) -> None:
    command = [sys.executable, "-c", BUSY.format(pauses=pauses)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert (done.stdout.split(), done.returncode) == (told, code), done.stderr
    assert "Traceback" not in done.stderr
    assert (code != 0) == ("interrupted again: ends at once" in done.stderr)


FINISHING = """
import sys, time
from mtvif_ros.node import fusion_node

def release(node):
    print("finishing", flush=True)
    time.sleep(60)

fusion_node.FusionNode.release = release
fusion_node._autostart = lambda node: print("spinning", flush=True) is None
sys.exit(fusion_node.main([]))
"""


def test_a_second_signal_ends_a_node_that_finishes_its_work_without_a_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FINISHING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **dds_environment()},
    )
    assert process.stdout is not None
    for told in ("spinning\n", "finishing\n"):
        assert process.stdout.readline() == told
        process.send_signal(signal.SIGINT)
        time.sleep(1.1)  # else it is the same Ctrl-C
    _, errors = process.communicate(timeout=90)
    assert (process.returncode, errors.count("Traceback")) == (128 + signal.SIGINT, 0), errors


FRAMES = """
import resource
import numpy as np
from mtvif_ros.node.process import keep_freed_memory
{first}
def frame():
    return [np.ones(1280 * 720 * 3, np.uint8) for _ in range(4)]
frame()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    frame()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(first: str) -> int:
    command = [sys.executable, "-c", FRAMES.format(first=first)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has glibc")
def test_frames_reuse_the_memory_of_those_before() -> None:
    assert page_faults("keep_freed_memory()") < page_faults("") / 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a priority for each thread")
def test_a_thread_that_stands_back_leaves_the_others_their_priority() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = priority()
    with ThreadPoolExecutor(1, initializer=stand_back) as behind:
        assert behind.submit(priority).result() > before
    assert priority() == before

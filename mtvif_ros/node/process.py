"""Prepare the node's process: signals that let it finish its work, and memory that it keeps."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from rclpy import executors
from rclpy._rclpy_pybind11 import RCLError, UnknownROSArgsError
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor

REFUSED = (ParameterException, RCLError, UnknownROSArgsError)
"""What rclpy raises at the start for a wrong command line, parameter file or environment variable."""

# From glibc's malloc.h; 32 MiB is the largest threshold that it accepts.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT_BLOCK = 32 << 20
_LARGEST_KEPT_HEAP_END = 256 << 20
_SAME_SIGNAL = 1.0  # s
_BEHIND = 10  # nice: a tenth of a core that another thread wants, too


@contextlib.contextmanager
def interruptible(executor: Executor) -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread on SIGINT or SIGTERM, even while `executor` waits there.

    While it spins, the callback at hand ends first: inside of one, rclpy may make another error of it. A
    signal that comes a second later ends the process at once, with 128 + its number; one that comes sooner is
    the same Ctrl-C, which a terminal and a launcher both pass on. Use it in the main thread and with
    `SignalHandlerOptions.NO`: rclpy's own handlers shut the context down at once, and the node could no
    longer publish the pair at hand.
    """
    told: float | None = None  # when, in monotonic s

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal told
        now = time.monotonic()
        if told is not None:
            if now - told < _SAME_SIGNAL:
                return
            os.write(sys.stderr.fileno(), b"interrupted again: ends at once, and the pair at hand is lost\n")
            os._exit(128 + number)
        told = now
        if not _spins(frame):
            raise KeyboardInterrupt

    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, interrupt)
    # Python runs a signal handler between two instructions of the main thread, which executes none while it
    # waits in C. The kernel writes to the wake-up descriptor at once.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    previous_descriptor = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)

    def wake() -> None:
        while number := receiver.recv(1):
            executor.create_task(signal.default_int_handler, number[0], None)

    waker = threading.Thread(target=wake, name="signals", daemon=True)
    waker.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous_descriptor)
        for number, handler in previous.items():
            signal.signal(number, handler)
        sender.close()
        waker.join()
        receiver.close()


def _spins(frame: FrameType | None) -> bool:
    """Say whether an executor of rclpy runs this frame."""
    while frame is not None and frame.f_globals.get("__name__") != executors.__name__:
        frame = frame.f_back
    return frame is not None


def keep_freed_memory() -> None:
    """Let this process keep freed blocks of up to 32 MiB and up to 256 MiB at the end of each heap.

    By default glibc returns a block as large as a camera frame to the kernel, which then clears new pages
    for the next frame; that costs more than the computation on it. Other C libraries are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _LARGEST_KEPT_HEAP_END)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BLOCK)


def stand_back() -> None:
    """Let threads that answer pairs go before this one from now on."""
    if sys.platform == "linux":  # where each thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BEHIND)

"""Let SIGINT and SIGTERM end a node with its context still valid."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator

from rclpy.executors import Executor


@contextlib.contextmanager
def interruptible(executor: Executor) -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread on SIGINT and SIGTERM, also while `executor` waits there.

    For a context without rclpy's own handlers (`SignalHandlerOptions.NO`): those shut it down at once, and
    the pair at hand could not be published any more. Must be entered in the main thread.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    # Python's handlers run between two of the main thread's instructions, and it has none while it waits in
    # C; the wake-up descriptor is written to at once.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    former = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)

    def wake() -> None:
        while receiver.recv(1):
            executor.wake()

    waker = threading.Thread(target=wake, name="interrupts", daemon=True)
    waker.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        for number, handler in before.items():
            signal.signal(number, handler)
        sender.close()
        waker.join()
        receiver.close()

import threading

from mtvif_ros.node.worker import LatestWorker

PATIENCE = 60.0  # s, for what takes microseconds on an idle machine


class Gate:
    """Work that waits for permission, one item at a time."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.started = threading.Semaphore(0)
        self.permits = threading.Semaphore(0)
        self.worker = LatestWorker(self.work, lambda error: None, "test")

    def work(self, item: int) -> None:
        self.started.release()
        assert self.permits.acquire(timeout=PATIENCE)
        self.done.append(item)

    def begin(self, item: int) -> None:
        self.worker.put(item)
        assert self.started.acquire(timeout=PATIENCE)

    def finish(self, count: int) -> None:
        """Permit the item at hand and those after it, and wait until the worker is idle."""
        for number in range(count):
            self.permits.release()
            if number + 1 < count:
                assert self.started.acquire(timeout=PATIENCE)
        self.worker.settle()


def test_a_short_stall_loses_nothing_and_keeps_the_order() -> None:
    gate = Gate()
    gate.begin(0)
    for item in (1, 2, 3):
        gate.worker.put(item)
    gate.finish(4)
    assert gate.done == [0, 1, 2, 3]
    gate.worker.stop()
    assert gate.worker.superseded == 0


def test_an_overloaded_worker_takes_the_newest() -> None:
    gate = Gate()
    gate.begin(0)
    for item in range(1, 10):
        gate.worker.put(item)
    gate.permits.release()
    assert gate.started.acquire(timeout=PATIENCE)  # at work on 9
    gate.worker.put(10)
    gate.worker.put(11)
    gate.finish(2)
    assert gate.done == [0, 9, 11]
    gate.worker.stop()
    assert gate.worker.superseded == 9


def test_patience_returns_once_it_has_been_idle() -> None:
    gate = Gate()
    gate.begin(0)
    for item in range(1, 6):
        gate.worker.put(item)
    gate.finish(2)  # 0, then 5: the fourth was one too many, the fifth replaced it
    assert gate.done[-1] == 5
    gate.begin(6)
    gate.worker.put(7)
    gate.worker.put(8)
    gate.finish(3)
    assert gate.done[-3:] == [6, 7, 8]
    gate.worker.stop()


def test_items_waiting_at_the_stop_are_counted() -> None:
    gate = Gate()
    gate.begin(0)
    gate.worker.put(1)
    gate.worker.put(2)
    stopping = threading.Thread(target=gate.worker.stop)
    stopping.start()
    while gate.worker.superseded < 2:
        stopping.join(0.01)
    assert gate.done == []  # it waits for the item at hand
    gate.permits.release()
    stopping.join()
    assert gate.done == [0]
    assert gate.worker.superseded == 2


def test_an_exception_is_reported_and_the_next_item_is_served() -> None:
    failures: list[Exception] = []
    served = threading.Event()

    def work(item: str) -> None:
        if item == "bad":
            raise RuntimeError("broken pair")
        served.set()

    worker = LatestWorker(work, failures.append, "test")
    worker.put("bad")
    worker.put("good")
    assert served.wait(PATIENCE)
    worker.stop()
    assert str(failures[0]) == "broken pair"

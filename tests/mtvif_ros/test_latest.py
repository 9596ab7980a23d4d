import threading

from mtvif_ros.latest import LatestWorker


def test_items_put_while_busy_are_superseded_by_the_newest() -> None:
    started, go_on, done = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        started.set()
        go_on.wait(5)
        done.append(item)

    worker = LatestWorker(work, lambda error: None, "test")
    worker.put(1)
    assert started.wait(5)
    worker.put(2)
    worker.put(3)
    go_on.set()
    while len(done) < 2:
        threading.Event().wait(0.001)
    worker.stop()
    assert done == [1, 3]
    assert worker.superseded == 1


def test_an_exception_is_reported_and_the_next_item_is_served() -> None:
    failures: list[Exception] = []
    served = threading.Event()

    def work(item: str) -> None:
        if item == "bad":
            raise RuntimeError("broken pair")
        served.set()

    worker = LatestWorker(work, failures.append, "test")
    worker.put("bad")
    while not failures:
        threading.Event().wait(0.001)
    worker.put("good")
    assert served.wait(5)
    worker.stop()
    assert str(failures[0]) == "broken pair"

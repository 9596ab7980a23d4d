import os
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool

import cv2
import pytest

from mtvif_ros.parallel import in_processes

of_caller: dict[str, str] = {}


def inherited(item: int) -> dict[str, str]:
    return of_caller


def where(item: int) -> tuple[int, int, int]:
    return item, os.getpid(), cv2.getNumThreads()


def die(item: int) -> int:
    os._exit(item)


def test_results_come_in_order_from_processes_of_one_thread() -> None:
    found = list(in_processes(where, range(7), processes=2))
    assert [item for item, _, _ in found] == list(range(7))
    assert os.getpid() not in {process for _, process, _ in found}
    assert {threads for _, _, threads in found} == {1}


def test_few_items_are_taken_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = in_processes(where, items(), processes=1)
    next(results)
    assert len(taken) == 3


def test_a_process_that_dies_is_an_error_not_a_wait() -> None:
    with pytest.raises(BrokenProcessPool):
        list(in_processes(die, range(1, 4), processes=2))


def test_processes_inherit_nothing_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(of_caller, "lock", "held by a thread that a forked process does not have")
    assert list(in_processes(inherited, range(1), processes=1)) == [{}]

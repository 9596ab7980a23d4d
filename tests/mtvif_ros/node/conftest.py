import os
from collections.abc import Iterator
from itertools import count

import pytest

from tests.mtvif_ros.node.dds import Cameras

_WORKERS, _DOMAINS = 4, 36  # `make test` has at most four workers
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _WORKERS
_turn = count(os.getppid())


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cameras]:
    # A node that was killed is seen for 20 s more: the next test would wait for its services, not its own.
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + (_WORKERS * next(_turn) + _worker) % _DOMAINS))
    cameras = Cameras()
    yield cameras
    cameras.close()

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from mtvif_ros.node import runtime
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import Cameras, NodeLog, running_node, toy_parameters

_WORKERS, _DOMAINS = 4, 36  # `make test` has at most four workers
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _WORKERS
_turn = count(os.getppid())


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cameras]:
    """Two cameras in a domain of their own; nodes in this process report ten times a second."""
    # A node that was killed stays visible for 20 s; the next test must not wait for its services.
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + (_WORKERS * next(_turn) + _worker) % _DOMAINS))
    monkeypatch.setattr(runtime, "_REPORT_PERIOD", 0.1)
    cameras = Cameras()
    yield cameras
    cameras.close()


@pytest.fixture
def node_log(capfd: pytest.CaptureFixture[str]) -> NodeLog:
    return NodeLog(capfd)


@pytest.fixture(scope="session")
def small_frame(night_frame: Frame) -> Frame:
    """A frame of the toy model's size, 60x80."""
    return night_frame._replace(
        rgb=np.ascontiguousarray(night_frame.rgb[::8, ::8]), ir=np.ascontiguousarray(night_frame.ir[::8, ::8])
    )


@pytest.fixture
def running(
    cameras: Cameras, small_frame: Frame, toy_model: Path
) -> Callable[..., AbstractContextManager[FusionNode]]:
    """Run a node in this process, spun by the cameras, with the toy model."""
    return partial(running_node, cameras, small_frame, toy_parameters(toy_model))

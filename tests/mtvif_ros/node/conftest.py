from collections.abc import Iterator

import pytest

from tests.mtvif_ros.node.dds import Cameras


@pytest.fixture
def cameras() -> Iterator[Cameras]:
    cameras = Cameras()
    yield cameras
    cameras.close()

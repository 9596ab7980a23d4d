import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# Before torch is imported: tests run side by side, and its threads would spin while they wait for a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from mtvif_ros.engines.tensorrt.flavour import Flavour, load_flavour
from mtvif_ros.node.dds import claim_domain, prepare_dds
from mtvif_ros.recordings.make_bag import from_rendered, make_bag
from mtvif_ros.recordings.timing import Timing
from mtvif_ros.resources import model_directory
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig

# Before anything speaks DDS: keep to this machine and to a domain of this worker.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(claim_domain())
prepare_dds()
# The same examples every time, and no clock: a slow machine is not a failure.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile("seeded")


@pytest.fixture(scope="session")
def model_path() -> Path:
    return model_directory() / "mtvif.onnx"


@pytest.fixture(scope="session")
def night_frame() -> Frame:
    return RoadScene(SceneConfig(seed=3, time="night")).frame(20)


@pytest.fixture(scope="session")
def rendered_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 15 Hz with jitter and a few dropped frames."""
    path = tmp_path_factory.mktemp("bags") / "rendered"
    source = from_rendered(SceneConfig(seed=1, time="dusk", rate=15), 2.0)
    make_bag(source, path, Timing(rate=15, jitter=0.002, dropped=0.1, seed=4))
    return path


@pytest.fixture
def rng() -> Iterator[np.random.Generator]:
    yield np.random.default_rng(0)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 kB."""
    path = tmp_path / "tiny"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(path)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.fixture(scope="session")
def tensorrt_rtx() -> Flavour:
    """TensorRT for RTX, which builds engines without a GPU."""
    try:
        found = load_flavour()
    except ImportError as error:
        pytest.skip(f"no TensorRT: {error}")
    if found.name != "tensorrt_rtx":
        pytest.skip("tensorrt builds only where a GPU is; TensorRT for RTX builds anywhere")
    return found


@pytest.fixture(scope="session", autouse=True)
def engine_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what engines compile out of the user's cache."""
    os.environ["MTVIF_ENGINE_CACHE"] = str(tmp_path_factory.mktemp("engines"))

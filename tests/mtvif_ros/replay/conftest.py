"""A small recording, and what replaying it gives."""

import contextlib
import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from mtvif_ros.node.dds import claim_domain
from mtvif_ros.recordings.make_bag import from_rendered, make_bag
from mtvif_ros.recordings.reader import BagReader
from mtvif_ros.recordings.timing import Timing
from mtvif_ros.replay.command import main
from mtvif_ros.replay.summary import Summary, read_summary
from mtvif_ros.synthetic import SceneConfig

REPLAY_DOMAIN = str(claim_domain())


class Replayed(NamedTuple):
    """Hold a replay: its folder, exit code, what it printed, and how often it opened a bag."""

    out: Path
    code: int
    stdout: str
    stderr: str
    opened: int

    @property
    def summary(self) -> Summary:
        return read_summary(self.out / "summary.json")

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.out / "pairs.csv").open() as stream:
            return list(csv.DictReader(stream))


def run(bag: Path, out: Path, *options: str, domain: str = REPLAY_DOMAIN) -> Replayed:
    """Replay a bag in a DDS domain where no other test's node answers."""
    opened = 0
    open_bag = BagReader.__enter__

    def counted(self: BagReader) -> BagReader:
        nonlocal opened
        opened += 1
        return open_bag(self)

    stdout, stderr = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setitem(os.environ, "ROS_DOMAIN_ID", domain)
        patch.setattr(BagReader, "__enter__", counted)
        stack.enter_context(contextlib.redirect_stdout(stdout))
        stack.enter_context(contextlib.redirect_stderr(stderr))
        code = main(["--bag", str(bag), "--out", str(out), *options])
    return Replayed(out, code, stdout.getvalue(), stderr.getvalue(), opened)


@pytest.fixture(scope="session")
def small_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of 160x128 in 0.8 s, with jitter and a few dropped."""
    path = tmp_path_factory.mktemp("small") / "bag"
    scene = SceneConfig(seed=1, time="dusk", rate=15, width=160, height=128)
    make_bag(from_rendered(scene, 0.8), path, Timing(rate=15, jitter=0.002, dropped=0.1, seed=4))
    return path


@pytest.fixture(scope="session")
def replayed(small_bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """The whole recording at its own size, as fast as the node answers."""
    return run(small_bag, tmp_path_factory.mktemp("replayed"), "--fast", "--size", "128x160")


@pytest.fixture(scope="session")
def played_twice(small_bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    """A part of the recording, twice, with a limit that no machine holds, into a bag."""
    out = tmp_path_factory.mktemp("twice")
    limits = out / "limits.yaml"
    limits.write_text("latency.p50_ms: {max: 0.1}\nfusion.VIF: {min: 0.1}\n")
    yield run(
        small_bag,
        out,
        *("--fast", "--loop", "2", "--start", "0.2", "--duration", "0.5", "--every", "4", "--no-preview"),
        *("--clock", "--record", str(out / "kept"), "--limits", str(limits)),
    )

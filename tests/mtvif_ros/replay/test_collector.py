import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mtvif_ros.replay.collector import Collector

LISTEN_THEN_SCORE = """
import os, signal, sys, time
from pathlib import Path
from mtvif_ros.replay.collector import Collector, ros_node

with Collector(Path(sys.argv[1]) / "spool", keep=lambda stamp: True) as collector:
    with ros_node("listener") as node, collector.listening(node):
        pass
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(5)
"""


def test_a_replay_that_has_heard_all_answers_can_be_terminated_while_it_scores_them(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", LISTEN_THEN_SCORE, tmp_path], stderr=subprocess.PIPE)
    assert run.returncode == -signal.SIGTERM, run.stderr.decode()


TERMINATED = """
import os, signal, time
import rclpy
from mtvif_ros.replay.collector import ros_node

with ros_node("listener"):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    except KeyboardInterrupt:
        print(rclpy.ok())
"""


def test_a_replay_that_is_terminated_ends_as_by_ctrl_c_and_can_still_publish() -> None:
    run = subprocess.run([sys.executable, "-c", TERMINATED], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "True\n"), run.stderr


def test_two_replays_do_not_write_into_one_folder(tmp_path: Path) -> None:
    spool = tmp_path / "outputs.spool"
    told = pytest.raises(OSError, match=r"another replay writes there; choose another --out")
    with Collector(spool, keep=lambda stamp: True), told:
        Collector(spool, keep=lambda stamp: True)
    Collector(spool, keep=lambda stamp: True).__exit__()

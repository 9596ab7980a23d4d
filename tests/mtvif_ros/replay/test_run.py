import signal
import subprocess
import sys
from pathlib import Path

LISTEN_THEN_SCORE = """
import os, signal, sys, time
from pathlib import Path
from mtvif_ros.recordings.writer import IR_TOPIC, RGB_TOPIC
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.run import listening

out = Path(sys.argv[1])
with listening(ReplayOptions(out / "bag", out, (RGB_TOPIC, IR_TOPIC)), set()):
    pass
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(5)
"""


def test_a_replay_that_has_heard_all_answers_can_be_terminated_while_it_scores_them(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", LISTEN_THEN_SCORE, tmp_path], stderr=subprocess.PIPE)
    assert run.returncode == -signal.SIGTERM, run.stderr.decode()

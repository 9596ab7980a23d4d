import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.long
def test_one_damaged_input_of_each_kind_is_answered_or_refused() -> None:
    command = [sys.executable, ".ci/corrupt.py", "--seeds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert len(kinds) == 10 and {"mcap", "db3", "mask", "model"} <= set(kinds)

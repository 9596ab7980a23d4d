import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import suppress

import pytest

from mtvif_ros.progress import Progress, tracked


def test_a_pipe_gets_a_line_every_ten_percent(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tracked(range(300), "render", 300)) == list(range(300))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"render: {tenth * 10} % ({tenth * 30} of 300)" for tenth in range(1, 11)]


def test_few_steps_get_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("bags", 3) as progress:
        for _ in range(3):
            progress.update()
    shown = capsys.readouterr().err.splitlines()
    assert shown == ["bags: 33 % (1 of 3)", "bags: 66 % (2 of 3)", "bags: 100 % (3 of 3)"]


def test_nothing_to_do_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tracked([], "bags", 0)) == []
    assert capsys.readouterr().err == ""


def on_a_terminal(script: str) -> str:
    """What a script of its own process writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    done = subprocess.run([sys.executable, "-c", script], stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # which ends what a terminal gives
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert done.returncode == 0
    return shown.decode()


TRACKED = "from mtvif_ros.progress import tracked; list(tracked(range(3), 'render', 3))"


def test_a_terminal_gets_a_bar() -> None:
    assert "render: 100%|" in on_a_terminal(TRACKED)


def test_a_terminal_gets_lines_where_tqdm_is_not_installed() -> None:
    shown = on_a_terminal(f"import sys; sys.modules['tqdm'] = None; {TRACKED}")
    assert "render: 100 % (3 of 3)" in shown and "|" not in shown

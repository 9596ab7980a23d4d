"""A user without a home, or with one that cannot be written, gets a warning and a node that runs."""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mtvif_ros.engines.cache import cache_directory, cached_engine, engine_path, write_engine
from mtvif_ros.node.log_folder import provide_log_folder

KEY = {"model": "mtvif.onnx"}
NOT_WRITABLE = "/proc"  # not even for root
NOBODY = 54321  # a user that no machine has


def test_an_unknown_user_without_home_has_no_engine_cache(caplog: pytest.LogCaptureFixture) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    code = f"""
import os
from mtvif_ros.engines.cache import cache_directory
for name in ("HOME", "XDG_CACHE_HOME", "MTVIF_ENGINE_CACHE"):
    os.environ.pop(name, None)
os.setuid({NOBODY})
print(cache_directory())
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "None\n"
    with caplog.at_level(logging.WARNING):
        assert cached_engine(None, KEY, lambda: b"engine") == b"engine"
    assert "no home" in caplog.text and "set MTVIF_ENGINE_CACHE" in caplog.text


def test_an_unknown_user_without_home_has_openvino() -> None:
    """Only the user is unknown: a real one could not read every Python."""
    code = """
import os, pwd
def unknown(user): raise KeyError(user)
pwd.getpwuid = unknown
del os.environ["HOME"]
from mtvif_ros.engines.load import choose_backend
print(choose_backend("openvino"))
"""
    environment = {**os.environ, "HOME": NOT_WRITABLE}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "openvino\n", done.stderr


def test_a_home_that_cannot_be_written_costs_a_build_and_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", NOT_WRITABLE)
    for name in ("XDG_CACHE_HOME", "MTVIF_ENGINE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    with caplog.at_level(logging.WARNING):
        assert cached_engine(cache_directory(), KEY, lambda: b"engine") == b"engine"
    assert len(caplog.records) == 1 and "/proc/.cache/mtvif_ros" in caplog.text


def test_a_cache_without_locks_serves_the_engine_that_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = engine_path(tmp_path, KEY)
    write_engine(path, KEY, b"engine")
    path.with_suffix(".lock").mkdir()  # like a folder that cannot be written: no lock can be made
    with caplog.at_level(logging.WARNING):
        assert cached_engine(tmp_path, KEY, lambda: b"another") == b"engine"
    assert caplog.text == ""


def test_a_build_that_fails_is_not_tried_twice(tmp_path: Path) -> None:
    tries = []

    def build() -> bytes:
        tries.append(1)
        raise OSError("no room on the device")

    with pytest.raises(OSError, match="no room on the device"):
        cached_engine(tmp_path, KEY, build)
    assert len(tries) == 1


@pytest.mark.parametrize("home", ["", NOT_WRITABLE])
@pytest.mark.parametrize("chosen", ["", NOT_WRITABLE])
def test_logs_go_elsewhere_where_their_folder_cannot_be_made(
    home: str,
    chosen: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("ROS_LOG_DIR", chosen)
    monkeypatch.delenv("ROS_HOME", raising=False)
    provide_log_folder()
    (folder,) = tmp_path.iterdir()
    assert os.environ["ROS_LOG_DIR"] == str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (line,) = capsys.readouterr().err.splitlines()
    assert str(folder) in line and "set ROS_LOG_DIR" in line


def test_logs_stay_where_they_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ROS_LOG_DIR", "ROS_HOME"):
        monkeypatch.delenv(name, raising=False)
    provide_log_folder()
    assert "ROS_LOG_DIR" not in os.environ
    assert capsys.readouterr().err == ""


def test_the_node_starts_without_a_home(toy_model: Path) -> None:
    parameters = ("autostart:=false", f"model:={toy_model}")
    arguments = [word for parameter in parameters for word in ("-p", parameter)]
    code = f"""
import os, signal, threading
from mtvif_ros.node.fusion_node import main
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
main({["--ros-args", *arguments]!r})
"""
    environment = {**os.environ, "HOME": NOT_WRITABLE}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "Traceback" not in done.stderr and "cannot write ROS's logs to /proc/.ros/log" in done.stderr

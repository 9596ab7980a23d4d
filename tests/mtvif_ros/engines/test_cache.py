import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mtvif_ros.engines.cache import cache_directory, cached_engine, engine_path

KEY = {"model": "mtvif.onnx", "model_sha256": "aa", "version": "10.3", "gpu": "Orin"}


def never() -> bytes:
    raise AssertionError("built although the cache has it")


def test_an_engine_is_built_once(tmp_path: Path) -> None:
    assert cached_engine(tmp_path, KEY, lambda: b"engine") == b"engine"
    assert cached_engine(tmp_path, KEY, never) == b"engine"
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".engine", ".lock"]


@pytest.mark.parametrize("part", sorted(KEY))
def test_an_engine_for_anything_else_is_another_file(part: str, tmp_path: Path) -> None:
    cached_engine(tmp_path, KEY, lambda: b"engine")
    assert cached_engine(tmp_path, KEY | {part: "x.onnx"}, lambda: b"other") == b"other"
    assert cached_engine(tmp_path, KEY, never) == b"engine"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda content: content[:-1], "is damaged"),
        (lambda content: content[:-1] + b"?", "is damaged"),
        (
            lambda content: b'{"format": "mtvif_ros engine 1", "key": [], "sha256": ""}\n',
            "is not an mtvif_ros engine",
        ),
        (lambda content: b"", "is not an mtvif_ros engine"),
        (lambda content: b"\x00\x01 not json\n" + content, "is not an mtvif_ros engine"),
        (lambda content: content.replace(b'"10.3"', b'"10.2"'), "was built for another version"),
        (lambda content: content.replace(b"engine 1", b"engine 0"), "has the format"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_named_and_replaced(
    damage: object, problem: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cached_engine(tmp_path, KEY, lambda: b"engine")
    path = engine_path(tmp_path, KEY)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with caplog.at_level(logging.WARNING):
        assert cached_engine(tmp_path, KEY, lambda: b"new") == b"new"
    assert problem in caplog.text and path.name in caplog.text
    assert cached_engine(tmp_path, KEY, never) == b"new"


def test_a_folder_that_cannot_be_written_is_named_and_the_engine_still_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    assert cached_engine(blocked, KEY, lambda: b"engine") == b"engine"
    assert str(blocked) in caplog.text


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert cached_engine(tmp_path, KEY, lambda: b"engine") == b"engine"
    assert "No space left" in caplog.text
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_only_one_of_many_processes_builds(tmp_path: Path) -> None:
    script = f"""
import time
from pathlib import Path
from mtvif_ros.engines.cache import cached_engine
folder = Path({str(tmp_path)!r})
def build():
    with (folder / "built").open("a") as file:
        file.write("x")
    time.sleep(0.3)
    return b"engine"
assert cached_engine(folder, {KEY!r}, build) == b"engine"
"""
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "built").read_text() == "x"


def test_the_folder_is_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.delenv("MTVIF_ENGINE_CACHE", raising=False)
    assert cache_directory() == Path("/somewhere/mtvif_ros/engines")
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", "/robot/engines")
    assert cache_directory() == Path("/robot/engines")

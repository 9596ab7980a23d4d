"""Keep built engines and measured times on disk; load one only if it is intact and exactly what is wanted."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mtvif_ros.model_file import ModelFile
from mtvif_ros.size import Size, shown

Key = dict[str, str]

_FORMAT = "mtvif_ros engine 1"
_log = logging.getLogger(__name__)


def cache_directory() -> Path | None:
    """Return $MTVIF_ENGINE_CACHE, by default mtvif_ros/engines in the user's cache folder.

    A user without a home, as in some containers, has none.
    """
    chosen = os.environ.get("MTVIF_ENGINE_CACHE")
    if chosen:
        return Path(chosen)
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return Path(home) / "mtvif_ros" / "engines"


def model_key(model: ModelFile, size: Size) -> Key:
    """Return the part of an engine's key that comes from the model file and the size of its frames."""
    return {
        "model": model.path.name,
        "model_sha256": model.sha256,
        "precision": model.precision,
        "shape": shown(size),
    }


def engine_path(folder: Path, key: Key, suffix: str = ".engine") -> Path:
    """Return where the engine of `key` is kept."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return folder / f"{Path(key['model']).stem}-{digest[:16]}{suffix}"


def cached_engine(
    folder: Path | None, key: Key, build: Callable[[], bytes], suffix: str = ".engine"
) -> bytes:
    """Return the engine of `key` from `folder`; build and keep it if it is not there.

    Another `suffix` is for other results that take long. A damaged file, or one with another key, is logged
    and replaced. While one process builds, others that want the same engine wait for it. A folder that is not
    writable serves what it has; what it lacks, or everything without a folder, is built each time.
    """
    if folder is None:
        _log.warning(
            "engine cache: this user has no home; nothing is kept; set MTVIF_ENGINE_CACHE to a folder"
        )
        return build()
    path = engine_path(folder, key, suffix)
    with _locked(path.with_suffix(".lock")):
        return _read_or_build(path, key, build)


def _read_or_build(path: Path, key: Key, build: Callable[[], bytes]) -> bytes:
    try:
        content, problem = _read(path, key)
    except (FileNotFoundError, NotADirectoryError):
        content, problem = None, ""
    except OSError as error:
        content, problem = None, f"cannot be read ({error.strerror})"
    if content is not None:
        _log.info("engine cache: using %s", path)
        return content
    if problem:
        _log.warning("engine cache: %s %s; rebuilding it", path, problem)
    content = build()
    try:
        write_engine(path, key, content)
    except OSError as error:
        _log.warning(
            "engine cache: cannot write %s: %s; nothing is kept; set MTVIF_ENGINE_CACHE to another folder",
            path,
            error,
        )
    return content


def _read(path: Path, key: Key) -> tuple[bytes | None, str]:
    head, _, content = path.read_bytes().partition(b"\n")
    try:
        said = json.loads(head)
        found, digest, form = said["key"], said["sha256"], said["format"]
    except (ValueError, KeyError, TypeError):
        return None, "is not an mtvif_ros engine"
    if form != _FORMAT:
        return None, f"has the format {form!r}, expected {_FORMAT!r}"
    if not isinstance(found, dict):
        return None, "is not an mtvif_ros engine"
    if found != key:
        differing = sorted(name for name in key if found.get(name) != key[name])
        return None, f"was built for another {', '.join(differing)}"
    if hashlib.sha256(content).hexdigest() != digest:
        return None, "is damaged"
    return content, ""


def write_engine(path: Path, key: Key, content: bytes) -> None:
    """Write an engine atomically: a crash leaves the old file, the new one or none."""
    head = {"format": _FORMAT, "key": key, "sha256": hashlib.sha256(content).hexdigest()}
    handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(head).encode() + b"\n" + content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes out; where no lock can be made, nothing can be written either."""
    with ExitStack() as held:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            fcntl.flock(held.enter_context(path.open("w")), fcntl.LOCK_EX)
        yield

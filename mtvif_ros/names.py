"""Derive names of files from names that users choose, which may hold dots."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def with_ending(path: Path, ending: str, instead_of: Collection[str] = ()) -> Path:
    """Return `path` with `ending`, in place of an ending in `instead_of` if it has one of these.

    Path.with_suffix would give `night_0.5` and `night_0.7` the same name.
    """
    is_known = path.suffix.lower() in instead_of
    return path.with_name((path.stem if is_known else path.name) + ending)

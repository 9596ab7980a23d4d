"""Read what metadata.yaml says of a recording; the files themselves may say otherwise."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml


class Description(NamedTuple):
    """Hold the names of a recording's files, unpacked, and how many messages each topic has, if told."""

    files: set[str]
    counts: dict[str, int]


def described(folder: Path) -> Description:
    """Return what the folder's metadata.yaml says; nothing where it is missing or makes no sense."""
    try:
        text = (folder / "metadata.yaml").read_text(errors="replace")
        about = _part(yaml.safe_load(text), "rosbag2_bagfile_information", dict)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return Description(set(), {})
    files = _part(about, "relative_file_paths", list) or []
    counts = {}
    for entry in _part(about, "topics_with_message_count", list) or []:
        topic = _part(_part(entry, "topic_metadata", dict), "name", str)
        count = _part(entry, "message_count", int)
        if topic is not None and count is not None:
            counts[topic] = count
    names = {unpacked_name(PurePosixPath(file).name) for file in files if isinstance(file, str)}
    return Description(names, counts)


def unpacked_name(name: str) -> str:
    """Return a file's name without the suffix that compression adds."""
    return name.removesuffix(".zstd").removesuffix(".zst")


def _part(of: Any, key: str, kind: type) -> Any:
    """Return what a mapping holds under `key`, if it is of this kind; else None."""
    found = of.get(key) if isinstance(of, dict) else None
    return found if isinstance(found, kind) else None

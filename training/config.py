"""Read the configs of trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read_config(path: Path) -> dict[str, Any]:
    """Return a config; with `extends: OTHER.yaml`, beside it, that file's settings where it has none.

    Sections are merged key by key, everything else is replaced. Raises FileNotFoundError for a file that
    is not there and ValueError for one that is no mapping.
    """
    try:
        config = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: no YAML: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: a config maps names such as model and train to settings")
    if "extends" not in config:
        return config
    return _merge(read_config(path.parent / config.pop("extends")), config)


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(name), dict)
        merged[name] = _merge(base[name], value) if both else value
    return merged

"""Read the configs of trainings, and find what is wrong with one before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from training.losses import check_terms

_SECTIONS = ("seed", "model", "train", "validate", "loss")
_MORE_SECTIONS = ("initial",)
_SETTINGS = (
    "sources",
    "steps",
    "batch",
    "crop",
    "learning_rate",
    "weight_decay",
    "warmup_steps",
    "ema_decay",
    "clip_gradients",
    "checkpoint_every",
    "validate_every",
)
_MORE_SETTINGS = ("bf16", "frozen", "graphs", "keep_statistics", "paste", "rates", "teachers", "workers")


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


def check_config(config: dict[str, Any]) -> None:
    """Raise ValueError, naming all, for sections and settings of `train` that are missing or unknown, and for
    terms of `loss` that there are not.
    """
    problems = _differences("", config, _SECTIONS, _MORE_SECTIONS)
    if isinstance(config.get("train"), dict):
        problems += _differences("train.", config["train"], _SETTINGS, _MORE_SETTINGS)
    if problems:
        raise ValueError("config: " + "; ".join(problems))
    check_terms(config["loss"])


def _differences(
    section: str, given: dict[str, Any], needed: tuple[str, ...], possible: tuple[str, ...]
) -> list[str]:
    missing = [f"{section}{name} is missing" for name in needed if name not in given]
    known = {*needed, *possible}
    unknown = [f"{section}{name} is unknown" for name in given if name not in known]
    return missing + unknown + ([f"there are {', '.join(sorted(known))}"] if unknown else [])


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(name), dict)
        merged[name] = _merge(base[name], value) if both else value
    return merged

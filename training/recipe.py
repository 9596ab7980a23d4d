"""Make a model from its recipe: train its stages, export, quantise and score it, and write the manifest.

    python -m training.recipe --config training/configs/mtvif.yaml --data ../shared/data --out runs/mtvif

Repeat the command to resume. RUN/models gets the files that the package ships, and manifest.json.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training.config import Config
from training.train import train

_CALIBRATION_EVERY = 5
_FILES = ("mtvif.onnx", "mtvif_fp16.onnx", "mtvif_int8.onnx", "mtvif.safetensors")


def train_stages(stages: dict[str, Config], data: Path, out: Path) -> Path:
    """Train every stage from the average of the one before; return the last one's folder."""
    before: Path | None = None
    for name, stage in stages.items():
        config = stage if before is None else replace(stage, initial=before)
        train(config, data, out / name, out / "canvases")
        before = out / name
    assert before is not None
    return before

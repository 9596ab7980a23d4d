"""Render road scenes as training samples with exact labels."""

from __future__ import annotations

from training.data.pairs import Sample


def rendered_samples(count: int, seed: int) -> list[Sample]:
    """Return `count` frames from different rendered scenes."""
    raise NotImplementedError

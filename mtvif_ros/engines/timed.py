"""Tell how long an engine takes for each pair, apart from all that is done around it."""

from __future__ import annotations

import time

from mtvif_ros.engines.base import Engine, Inference
from mtvif_ros.image import Image


class TimedEngine:
    """Run an engine; `taken` is how long it took for the last pair, in ns."""

    def __init__(self, engine: Engine):
        self.model, self.size = engine.model, engine.size
        self.description, self.gives_confidence = engine.description, engine.gives_confidence
        self.taken = 0
        self._infer = engine.infer

    def infer(self, rgb: Image, ir: Image) -> Inference:
        """Fuse and segment one pair; see Engine.infer."""
        before = time.monotonic_ns()
        given = self._infer(rgb, ir)
        self.taken = time.monotonic_ns() - before
        return given

"""Say what to replay, how, and with which node."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mtvif_ros.engines import shipped_model
from mtvif_ros.pairing.stamps import in_ns


@dataclass(frozen=True)
class ReplayOptions:
    """Hold one replay's settings; times in s.

    topics: visible and infrared, as the bag names them. rate: times as fast as recorded. loops: how
    often; each pass goes on where the last one ended. start, duration: the part of the bag. fast: as
    fast as the node answers. external: measure a node that runs already. every: each n-th pair is scored.
    Raises ValueError for values that make no sense.
    """

    bag: Path
    out: Path
    topics: tuple[str, str]
    compressed: tuple[bool, bool] = (False, False)
    labels: str | None = None
    model: Path | None = None
    backend: str = "auto"
    slop: float = 0.02
    offset: float = 0.0
    rate: float = 1.0
    loops: int = 1
    start: float = 0.0
    duration: float = math.inf
    fast: bool = False
    clock: bool = False
    external: bool = False
    record: Path | None = None
    registration: Path | None = None
    preview: bool = True
    every: int = 1
    limits: Path | None = None

    def __post_init__(self) -> None:
        for name in ("slop", "rate", "duration"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name}: {getattr(self, name)} must be positive")
        for name in ("loops", "every"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('loops', 'loop')}: must be at least 1")
        if self.start < 0:
            raise ValueError(f"--start: {self.start} must not be negative")
        if self.record is not None and self.record.exists():
            raise ValueError(f"--record {self.record}: exists already; remove it or choose another name")

    def model_path(self) -> Path:
        """Return the model file; without one given, the shipped file that the backend runs best."""
        return self.model or shipped_model(self.backend)

    def node_parameters(self) -> dict[str, object]:
        """Return the node's parameters by name."""
        parameters: dict[str, object] = {
            "model": self.model_path().resolve(),
            "backend": self.backend,
            "sync.slop": float(self.slop),
            "sync.offset": float(self.offset),
            "use_sim_time": str(self.clock).lower(),
        }
        for camera, compressed in zip(("rgb", "ir"), self.compressed):
            parameters[f"{camera}.transport"] = "compressed" if compressed else "raw"
        if self.registration is not None:
            parameters["registration.file"] = self.registration.resolve()
        return parameters

    @property
    def slop_ns(self) -> int:
        """The slop in ns."""
        return in_ns(self.slop)

    @property
    def offset_ns(self) -> int:
        """The offset in ns."""
        return in_ns(self.offset)

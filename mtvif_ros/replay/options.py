"""Hold what the user asks of a replay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mtvif_ros.engines import shipped_model
from mtvif_ros.size import read_size_or_auto


@dataclass(frozen=True)
class ReplayOptions:
    """Hold one replay's settings; times are in s.

    rgb_topic, ir_topic, label_topic: as the bag names them; None finds them. labels: whether to score against
    labels. arrival: whether times of arrival replace the stamps. size: the node's `model.size`.
    rate: how many times as fast as recorded. loops: how often; each pass continues where the last one ended.
    start, duration: the part of the bag. fast: send as fast as the node answers. external: measure a node
    that already runs. registration, distance: as the node's parameters `registration.…`.
    record: the bag to write. every: score each n-th pair. watch: whether to look for what was wrong with the
    recording, and ask for the confidence. thermal: gain and offset that make raw infrared °C. Raises
    ValueError, naming the option, for a value that makes no sense.
    """

    bag: Path
    out: Path
    rgb_topic: str | None = None
    ir_topic: str | None = None
    label_topic: str | None = None
    labels: bool = True
    arrival: bool = False
    model: Path | None = None
    backend: str = "auto"
    size: str = "auto"
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
    distance: float | None = None
    preview: bool = True
    every: int = 1
    watch: bool = True
    thermal: tuple[float, float] = (1.0, 0.0)
    limits: Path | None = None

    def __post_init__(self) -> None:
        try:
            read_size_or_auto(self.size)
        except ValueError as error:
            raise ValueError(f"--size: {error}") from None
        for name in ("slop", "rate", "duration"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name}: {getattr(self, name)} must be positive")
        for name, option in (("loops", "--loop"), ("every", "--every")):
            if getattr(self, name) < 1:
                raise ValueError(f"{option}: {getattr(self, name)} must be at least 1")
        if self.thermal[0] <= 0:
            raise ValueError(f"--thermal: the gain {self.thermal[0]} must be positive")
        if self.start < 0:
            raise ValueError(f"--start: {self.start} must not be negative")
        if self.record is not None:
            if self.record.exists():
                raise ValueError(f"--record {self.record}: exists already; remove it or choose another name")
            out, record = self.out.resolve(), self.record.resolve()
            if out == record or record in out.parents:
                raise ValueError(f"--record {self.record}: is where --out writes; choose another name")

    def model_path(self) -> Path:
        """Return the model file; without one given, the shipped file that suits the backend best."""
        return self.model or shipped_model(self.backend)

    def keeps_every_output(self) -> bool:
        """Say whether the results need the outputs of all pairs, not only of those that are scored."""
        return self.preview or self.record is not None

    def node_parameters(self, compressed: tuple[bool, bool]) -> dict[str, object]:
        """Return the node's parameters by name; `compressed` says how each camera's images are sent."""
        parameters: dict[str, object] = {
            "model": self.model_path().resolve(),
            "backend": self.backend,
            "model.size": self.size,
            "sync.slop": float(self.slop),
            "sync.offset": float(self.offset),
            "thermal.gain": float(self.thermal[0]),
            "thermal.offset": float(self.thermal[1]),
            "registration.distance": float(self.distance or 0),
            "use_sim_time": str(self.clock).lower(),
        }
        for camera, is_compressed in zip(("rgb", "ir"), compressed):
            parameters[f"{camera}.transport"] = "compressed" if is_compressed else "raw"
        if self.registration is not None:
            parameters["registration.file"] = self.registration.resolve()
        return parameters

"""Reports of a node at work, second by second, without a node."""

from collections.abc import Iterator

from mtvif_ros.node.health import HealthReport, Latencies, Level, Percentiles


class Seconds:
    """Give reports of a node that answers and supersedes so many pairs each second.

    Inference and what answers take beside it are in ms.
    """

    def __init__(self) -> None:
        self._answered = self._superseded = 0

    def __call__(
        self, answered: int, superseded: int = 0, inference: float = 10.0, beside: float = 1.0
    ) -> Iterator[HealthReport]:
        whole, engine, rest = (Percentiles(ms, ms, ms) for ms in (inference + beside, inference, beside))
        recent = Latencies(whole, whole, engine, rest, pair_distance_p50_ms=0.0)
        while True:
            self._answered += answered
            self._superseded += superseded
            yield HealthReport(
                level=Level.OK,
                message="fusing",
                cameras={},
                output_rate_hz=answered,
                answered=self._answered,
                alone=0,
                by_one={},
                superseded=self._superseded,
                failed=0,
                skipped=0,
                latencies=None,
                recent=recent if answered else None,
                cpu_cores=1.0,
                memory_mb=200.0,
                notices=[],
            )

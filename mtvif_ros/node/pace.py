"""Tell from second to second whether an engine is too large for the load of the machine, or too small."""

from __future__ import annotations

from enum import IntEnum

from mtvif_ros.node.health import HealthReport

# Of the time between two pairs, for inference. On two busy cores it takes nearly twice what it takes alone,
# and scaling takes an eighth of 33 ms for a 640x480 camera.
SHARE = 0.4
_LAGGING = 3  # reports in turn; one stall is no load
_KEPT = 0.95  # of the pairs, or of the rate
_STEADY, _LONGEST = 300, 9_000  # answers that leave time in turn before a larger size is tried


class Step(IntEnum):
    """Say which size to take next."""

    SMALLER = -1
    NONE = 0
    LARGER = 1


class Pace:
    """Advise on the size of the frames that an engine computes, to keep `rate` Hz.

    A size is too large when pairs are superseded, or an answer takes longer than the time between two pairs,
    report after report, and inference takes more than its share of that time. The next larger one is worth a
    try once inference would long have taken no more than its share, by the number of pixels. Where that try
    fails, the next one waits twice as long: a size on the verge does not alternate with its neighbour.
    """

    def __init__(self, rate: float):
        self._rate = rate
        self._patience = _STEADY
        self._is_tried = False
        self._inference = self._answer = 0.0  # s
        self._answers = self._superseded = 0
        self.restart()

    def restart(self) -> None:
        """Forget what another size took."""
        self._lagging = self._steady = 0

    def advise(self, report: HealthReport, growth: float | None) -> Step:
        """Return the step to take, which counts as taken.

        `growth` is how many times the pixels of this size the next larger one has; None if there is none.
        """
        answers, superseded = report.answered + report.alone, report.superseded
        answered, lost = answers - self._answers, superseded - self._superseded
        self._answers, self._superseded = answers, superseded
        if report.recent is not None:
            self._inference = report.recent.inference.p50_ms / 1000
            self._answer = report.recent.from_arrival.p50_ms / 1000
        # A camera may be slower than the rate.
        rate = min(
            self._rate, report.output_rate_hz * (answered + lost) / answered if answered else self._rate
        )
        if answered < _KEPT * (answered + lost):
            is_lagging = report.output_rate_hz < _KEPT * self._rate
        else:
            is_lagging = answered > 0 and self._answer * rate > 1
        self._lagging = self._lagging + 1 if is_lagging and self._inference * rate > SHARE else 0
        leaves_time = growth is not None and self._inference * self._rate * growth <= SHARE
        self._steady = self._steady + answered if leaves_time and not is_lagging else 0
        if self._steady >= self._patience:
            self._is_tried = True
            self.restart()
            return Step.LARGER
        if self._lagging >= _LAGGING:
            self._patience = min(2 * self._patience, _LONGEST) if self._is_tried else _STEADY
            self._is_tried = False
            self.restart()
            return Step.SMALLER
        return Step.NONE

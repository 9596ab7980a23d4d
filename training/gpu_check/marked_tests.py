"""Run the tests that have a marker."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtvif_ros.command_line import UserError
from training.gpu_check.process import Note, Skipped


class _Tally:
    """Count tests for pytest as they end, and note the counts."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._passed = 0
        self._skipped: dict[str, str] = {}
        self.failed: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.skipped:
            self._skipped[report.nodeid] = str(report.longrepr)
        elif report.when == "call":
            self._passed += 1
        self._note({"passed": self._passed, "skipped": self._skipped, "failed": self.failed})


def measure(note: Note, folder: Path, marker: str) -> None:
    """Note how many tests below `folder` pass, which fail, and which are skipped and why.

    Raises Skipped if none has the marker and UserError if one fails.
    """
    # The other files may import what this machine lacks.
    files = [str(path) for path in sorted(folder.rglob("test_*.py")) if f"mark.{marker}" in path.read_text()]
    if not files:
        raise Skipped(f"{folder}: no test has the marker {marker}")
    tally = _Tally(note)
    code = pytest.main(["-m", marker, "-p", "no:cacheprovider", *files], plugins=[tally])
    if code != pytest.ExitCode.OK:
        raise UserError(f"pytest ends with {code!r}; failed: {', '.join(tally.failed) or 'none'}")

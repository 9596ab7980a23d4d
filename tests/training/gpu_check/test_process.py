import multiprocessing
import time
from pathlib import Path

import pytest

from training.gpu_check.process import Part, run_part


def part(ending: str, limit_s: float = 120) -> Part:
    return Part("some part", "tests.training.gpu_check.behaviour", {"ending": ending}, limit_s)


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_what_a_part_notes_is_its_result_and_what_it_prints_its_log(tmp_path: Path) -> None:
    outcome = run_part(part("finish"), tmp_path / "log")
    assert (outcome.name, outcome.status, outcome.reason) == ("some part", "measured", "")
    assert outcome.result == {"first": 1, "second": 2}
    assert outcome.seconds > 0
    assert (tmp_path / "log").read_text() == "said by the part\n"


def test_a_part_that_hangs_is_killed_at_its_limit(tmp_path: Path) -> None:
    outcome = run_part(part("hang", limit_s=1), tmp_path / "log")
    assert (outcome.status, outcome.reason) == ("failed", f"took longer than 1 s; see {tmp_path / 'log'}")
    assert multiprocessing.active_children() == []


def test_a_crash_costs_neither_what_was_noted_nor_leaves_children(tmp_path: Path) -> None:
    outcome = run_part(part("crash"), tmp_path / "log")
    assert (outcome.status, outcome.reason) == ("failed", f"ended by SIGABRT; see {tmp_path / 'log'}")
    assert outcome.result.items() >= {"first": 1, "second": 2}.items()
    while is_running(outcome.result["child"]):  # a signal arrives when it arrives
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("ending", "status", "reason"),
    [
        ("raise", "failed", "ValueError: of two lines"),
        (
            "lack a package",
            "skipped",
            "No module named 'no_such_package'; requirements/gpu.txt lists what is needed",
        ),
        ("skip", "skipped", "this machine is too old"),
    ],
)
def test_why_a_part_ends_early_is_told_in_one_line(
    ending: str, status: str, reason: str, tmp_path: Path
) -> None:
    outcome = run_part(part(ending), tmp_path / "log")
    assert outcome.status == status
    assert outcome.reason.removesuffix(f"; see {tmp_path / 'log'}") == reason
    assert outcome.result == {"first": 1, "second": 2}

from pathlib import Path

from training.gpu_check.process import Outcome, Part, run_part

TESTS = """
import pytest

@pytest.mark.special
def test_good(): pass

@pytest.mark.special
@pytest.mark.skip(reason="too warm")
def test_idle(): pass

@pytest.mark.special
def test_bad(): assert {bad}

def test_other(): raise AssertionError
"""


def run_in_own_process(folder: Path, marker: str) -> Outcome:
    arguments = {"folder": folder, "marker": marker}
    return run_part(Part("tests", "training.gpu_check.marked_tests", arguments, 120), folder / "log")


def test_only_marked_tests_run_and_are_counted(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS.format(bad=True))
    (tmp_path / "test_unmarked.py").write_text("import no_such_package")
    outcome = run_in_own_process(tmp_path, "special")
    assert outcome.status == "measured", outcome.reason
    assert (outcome.result["passed"], outcome.result["failed"]) == (2, [])
    ((name, why),) = outcome.result["skipped"].items()
    assert name.endswith("::test_idle") and "too warm" in why


def test_tests_that_fail_or_cannot_be_imported_are_named(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS.format(bad=False))
    failing = run_in_own_process(tmp_path, "special")
    assert failing.status == "failed" and "test_some.py::test_bad;" in failing.reason
    assert failing.result["passed"] == 1
    (tmp_path / "test_some.py").write_text("import no_such_package  # pytest.mark.special")
    broken = run_in_own_process(tmp_path, "special")
    assert broken.status == "failed" and "test_some.py;" in broken.reason


def test_a_marker_that_no_test_has_is_told(tmp_path: Path) -> None:
    outcome = run_in_own_process(tmp_path, "special")
    assert (outcome.status, outcome.reason) == ("skipped", f"{tmp_path}: no test has the marker special")

import os
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from mtvif_ros.machine import Machine, installed_versions, this_machine, vector_instructions

EPYC = Machine("AMD EPYC", 2, "Linux", "3.11.7", {"numpy": "2.0"})


def test_a_line_names_processor_cores_and_python() -> None:
    assert EPYC.line() == "AMD EPYC, 2 cores, Python 3.11.7"
    assert replace(EPYC, cores=1).line() == "AMD EPYC, 1 core, Python 3.11.7"
    assert replace(EPYC, instructions="avx2").line() == "AMD EPYC (avx2), 2 cores, Python 3.11.7"


def test_this_machine_counts_the_cores_that_the_process_may_use() -> None:
    found = this_machine()
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.python == platform.python_version()
    assert found.processor and "numpy" in found.versions


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="only Linux tells the instructions")
def test_processors_of_one_name_differ_by_their_instructions() -> None:
    known = Path("/proc/cpuinfo").read_text().split()
    assert all(name in known for name in vector_instructions().split())
    assert ("avx2" in known) == ("avx2" in vector_instructions())


def test_packages_that_are_not_installed_have_no_version() -> None:
    assert installed_versions(["numpy", "no-such-package"]).keys() == {"numpy"}

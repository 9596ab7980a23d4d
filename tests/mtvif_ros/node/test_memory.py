import subprocess
import sys

import pytest

_FRAMES = """
import resource
import numpy as np
from mtvif_ros.node.memory import keep_freed_memory
{first}
def frame():
    return [np.ones(1280 * 720 * 3, np.uint8) for _ in range(4)]
frame()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    frame()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(first: str) -> int:
    command = [sys.executable, "-c", _FRAMES.format(first=first)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has glibc")
def test_frames_reuse_the_memory_of_those_before() -> None:
    assert page_faults("keep_freed_memory()") < page_faults("") / 10

import platform
from pathlib import Path

import pytest
import torch

from training.model import precision


@pytest.mark.parametrize("has", [True, False])
def test_bfloat16_is_taken_only_where_the_device_has_instructions_for_it(
    has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: has)
    a = torch.rand(4, 4)
    with precision.fast_autocast(torch.device("cpu")):
        assert (a @ a).dtype == (torch.bfloat16 if has else torch.float32)


def test_bfloat16_is_not_taken_where_it_is_not_wanted() -> None:
    a = torch.rand(4, 4)
    with precision.fast_autocast(torch.device("cpu"), wanted=False):
        assert (a @ a).dtype == torch.float32


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the flags of an x86-64 processor")
def test_a_processor_without_the_instructions_says_so() -> None:
    flags = Path("/proc/cpuinfo").read_text().split()
    assert precision.has_fast_bfloat16(torch.device("cpu")) == ("avx512_bf16" in flags)

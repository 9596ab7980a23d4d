from pathlib import Path

import pytest

from training.gpu_check.card import Card, NoCardError, find_card


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nvidia-smi stands, a script of the test's own."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    path = tmp_path / "nvidia-smi"
    path.write_text("")
    path.chmod(0o755)
    return path


def test_the_first_gpu_is_the_one(tool: Path) -> None:
    tool.write_text(
        "#!/bin/sh\necho 'NVIDIA H200, 580.159.03, 143771'\necho 'NVIDIA T4, 580.159.03, 15360'\n"
    )
    assert find_card() == Card("NVIDIA H200", "580.159.03", 143771)


def test_a_driver_that_does_not_work_is_told_in_its_own_words(tool: Path) -> None:
    tool.write_text("#!/bin/sh\necho \"couldn't communicate\"\necho 'with the driver' >&2\nexit 9\n")
    with pytest.raises(NoCardError, match=r"nvidia-smi says: couldn't communicate with the driver; check"):
        find_card()


def test_a_machine_without_a_driver_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoCardError, match="nvidia-smi is missing; run this on a machine with a GPU"):
        find_card()

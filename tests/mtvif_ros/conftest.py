from pathlib import Path

import pytest

from tests.mtvif_ros.toy import write_toy


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy for frames of 60x80."""
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.onnx", 60, 80)


@pytest.fixture(scope="session")
def open_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy for frames of every size."""
    return write_toy(tmp_path_factory.mktemp("toy") / "open.onnx", "H", "W")


@pytest.fixture(scope="session")
def certain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy for frames of 60x80, with confidence."""
    return write_toy(tmp_path_factory.mktemp("toy") / "certain.onnx", 60, 80, confidence=True)

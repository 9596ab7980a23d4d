from pathlib import Path

import pytest

from tests.training import tiny
from training.data.canvases import make_canvases

_TEACHER = "models/teacher/mtvif_0.1.0.onnx"


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tiny.Taught:
    """Three canvases of one rendered frame."""
    plain = tiny.plain_config(tiny.settings("patch"), teacher=_TEACHER, canvases=3)
    plain["loss"] = {"distillation": 2.0, "features": 1.0, "imitation": 20.0, "steadiness": 1.0}
    made = tiny.Taught(plain, tmp_path_factory.mktemp("canvases"))
    make_canvases(made.config, Path("/nowhere"), made.canvases)
    return made

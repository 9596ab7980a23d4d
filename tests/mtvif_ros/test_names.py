from pathlib import Path

import pytest

from mtvif_ros.names import with_ending


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("night.yaml", "night.png"),
        ("night.YML", "night.png"),
        ("night", "night.png"),
        ("night_0.7", "night_0.7.png"),
        ("night_0.7.yaml", "night_0.7.png"),
        ("night.png", "night.png.png"),
    ],
)
def test_only_an_ending_that_is_meant_is_replaced(name: str, expected: str) -> None:
    assert with_ending(Path("v0.1") / name, ".png", (".yaml", ".yml")) == Path("v0.1") / expected

import re
from pathlib import Path

import pytest
import yaml

from mtvif_ros.node.parameters import PARAMETERS, markdown_table

BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
ROOT = Path(__file__).parents[3]


def test_every_default_is_allowed() -> None:
    assert [p.problem_with(p.default) for p in PARAMETERS if p.problem_with(p.default)] == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("backend", "abacus", "abacus.*auto, tensorrt, openvino, onnxruntime"),
        ("sync.slop", 11.0, r"11.0 is not within 0.0001 \.\. 10.0"),
        ("threads", -1, r"-1 is not within 0 \.\. 1024"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(name: str, value: object, told: str) -> None:
    problem = BY_NAME[name].problem_with(value)
    assert problem is not None and name in problem
    assert re.search(told, problem)


def test_the_reference_shows_the_table_made_from_the_code() -> None:
    assert markdown_table() in (ROOT / "docs/reference/parameters.md").read_text()


def test_the_shipped_parameter_file_repeats_the_defaults() -> None:
    shipped = yaml.safe_load((ROOT / "config" / "fusion.yaml").read_text())
    for group, values in shipped["/**"]["ros__parameters"].items():
        for name, value in values.items():
            assert BY_NAME[f"{group}.{name}"].default == value

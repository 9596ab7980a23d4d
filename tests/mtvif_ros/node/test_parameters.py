from pathlib import Path

import yaml

from mtvif_ros.node.parameter_declaration import markdown_tables
from mtvif_ros.node.parameters import PARAMETERS

ROOT = Path(__file__).parents[3]


def test_every_default_is_allowed() -> None:
    assert [p.name for p in PARAMETERS.values() if p.problem_with(p.default)] == []


def test_the_reference_shows_the_tables_made_from_the_code() -> None:
    assert markdown_tables(PARAMETERS) in (ROOT / "docs/reference/parameters.md").read_text()


def test_the_shipped_parameter_file_repeats_the_defaults() -> None:
    shipped = yaml.safe_load((ROOT / "config" / "fusion.yaml").read_text())
    for group, values in shipped["/**"]["ros__parameters"].items():
        for name, value in values.items():
            default = PARAMETERS[f"{group}.{name}"].default
            assert (list(default) if isinstance(default, tuple) else default) == value

"""Imports between the folders point one way: down the list."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From top to bottom. A folder may import from those below it and from the modules beside the folders, which
# import from no folder.
ORDER = {
    "mtvif_ros": (
        "replay",
        "benchmark",
        "calibration",
        "recordings",
        "node",
        "imaging",
        "engines",
        "metrics",
        "pairing",
        "synthetic",
        "pages",
    ),
    "training": (
        "gpu_check",
        "history",
        "loop",
        "labelling",
        "scoring",
        "data",
        "losses",
        "model",
        "configs",
    ),
}
# The modules beside the folders that every folder may import; None: all. Those of `training` are commands,
# which import from every folder, and no folder imports them.
SHARED = {"mtvif_ros": None, "training": {"config"}}


def imports(path: Path) -> set[str]:
    """The dotted names of this project that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.split(".")[0] in ORDER}


def folder_of(name: str) -> str:
    """The folder or top module of a dotted name, `` for the package itself."""
    return [*name.split("."), ""][1]


@pytest.mark.parametrize("package", ORDER)
def test_every_folder_has_its_place_in_the_order(package: str) -> None:
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert folders == set(ORDER[package]) - {"configs"}


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_down(package: str) -> None:
    order = ORDER[package]
    upward = []
    for path in sorted((ROOT / package).glob("*/**/*.py")):
        own = path.relative_to(ROOT / package).parts[0]
        for name in imports(path):
            other = folder_of(name)
            if not name.startswith(f"{package}.") or other == own:
                continue
            shared = SHARED[package]
            is_module = other not in order
            fine = (shared is None or other in shared) if is_module else order.index(own) < order.index(other)
            if not fine:
                upward.append(f"{path.relative_to(ROOT)} imports {name}")
    assert upward == []


def test_modules_beside_the_folders_import_from_none_of_them() -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in (ROOT / "mtvif_ros").glob("*.py")
        for name in imports(path)
        if folder_of(name) in ORDER["mtvif_ros"]
    ]
    assert wrong == []

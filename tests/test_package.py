"""The package as colcon, pip and ros2 launch see it."""

import ast
import importlib
import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from mtvif_ros.command_line import TOOLS

ROOT = Path(__file__).parent.parent


def colcon(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "colcon", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_colcon_takes_it_for_an_ament_python_package(tmp_path: Path) -> None:
    listed = colcon("--log-base", str(tmp_path), "list", "--base-paths", str(ROOT), folder=tmp_path)
    assert ["mtvif_ros", str(ROOT), "(ros.ament_python)"] in [line.split() for line in listed.splitlines()]


@pytest.mark.long
def test_colcon_installs_node_launch_config_and_models_where_ros_looks(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    source = workspace / "src" / "mtvif_ros"
    source.mkdir(parents=True)
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in tracked.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    colcon("build", folder=workspace)
    prefix = workspace / "install" / "mtvif_ros"
    share = prefix / "share" / "mtvif_ros"
    assert (prefix / "lib" / "mtvif_ros" / "fusion_node").is_file()
    assert (prefix / "share/ament_index/resource_index/packages/mtvif_ros").is_file()
    for name in (
        "package.xml",
        "launch/fusion.launch.py",
        "config/fastdds.xml",
        "examples/occupancy_grid.py",
        "examples/paint_cloud.py",
        "models/mtvif.onnx",
        "models/mtvif_int8.onnx",
    ):
        assert (share / name).is_file(), name
    site = next(prefix.glob("lib/python*/site-packages"))
    command = "from mtvif_ros.resources import model_directory; print(model_directory())"
    found = subprocess.run(
        [sys.executable, "-c", command],
        env={"PYTHONPATH": str(site)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(share / "models")
    commands = sorted(path for path in (prefix / "lib" / "mtvif_ros").iterdir() if path.name != "fusion_node")
    scripts = re.findall(r'"(mtvif_\w+) = ', (ROOT / "setup.py").read_text())
    assert [path.name for path in commands] == sorted(scripts)
    for path in commands:
        told = subprocess.run(
            [sys.executable, str(path), "--help"],
            env={**os.environ, "PYTHONPATH": str(site)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"usage: {path.name}" in told.stdout


def test_package_xml_and_setup_py_name_the_same_version() -> None:
    from mtvif_ros import __version__

    version = ElementTree.parse(ROOT / "package.xml").findtext("version")
    assert version == __version__
    assert f'version="{version}"' in (ROOT / "setup.py").read_text()


# What pip calls a library and what rosdep calls it; None where only pip has it.
ROSDEP_KEYS = {
    "Jinja2": "python3-jinja2",
    "PyYAML": "python3-yaml",
    "matplotlib": "python3-matplotlib",
    "mcap": None,
    "numpy": "python3-numpy",
    "onnx": None,
    "opencv-python-headless": "python3-opencv",
    "openvino": None,
    "onnxruntime": None,
    "cuda-python": None,
    "ray": None,
    "rosbags": None,
    "tqdm": "python3-tqdm",
    "zstandard": None,
}
IMPORT_NAMES = {
    "Jinja2": "jinja2",
    "PyYAML": "yaml",
    "cuda-python": "cuda",
    "opencv-python-headless": "cv2",
    "tf2_ros_py": "tf2_ros",
}


def exec_depends() -> set[str]:
    return {one.text or "" for one in ElementTree.parse(ROOT / "package.xml").iter("exec_depend")}


def setup_requirements() -> tuple[set[str], dict[str, set[str]]]:
    """What setup.py demands, and what each of its extras adds."""
    call = next(
        node
        for node in ast.walk(ast.parse((ROOT / "setup.py").read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setup"
    )
    given = {one.arg: one.value for one in call.keywords}
    extras = ast.literal_eval(given["extras_require"])
    return set(ast.literal_eval(given["install_requires"])), {name: set(of) for name, of in extras.items()}


def test_package_xml_and_setup_py_agree_on_what_is_needed() -> None:
    always, extras = setup_requirements()
    needed = always.union(*extras.values())
    assert needed == ROSDEP_KEYS.keys()
    keys = {ROSDEP_KEYS[name] for name in needed} - {None}
    assert keys == {name for name in exec_depends() if name.startswith("python3-")}


def test_commands_advise_the_tools_extra_for_what_it_brings() -> None:
    """All but tqdm, without which they do as well."""
    brought = {IMPORT_NAMES.get(name, name) for name in setup_requirements()[1]["tools"]}
    assert set(TOOLS) == brought - {"tqdm"}


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (["mtvif_ros.recordings.extract", "--bag", "BAG", "--out", "OUT"], "rosbags"),
        (["mtvif_ros.recordings.make_bag", "--rendered", "1", "--out", "OUT"], "rosbags"),
        (["mtvif_ros.calibration.command", "--bag", "BAG", "--out", "OUT"], "rosbags"),
        (["mtvif_ros.replay.command", "--bag", "BAG", "--out", "OUT"], "rosbags"),
        (["mtvif_ros.replay.many", "BAG", "--out", "OUT"], "rosbags"),
        (["mtvif_ros.replay.compare", "BAG", "BAG", "--out", "OUT"], "jinja2"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0].split(".")[-2],
)
def test_a_command_without_its_extra_says_in_one_line_how_to_install_it(
    command: list[str], module: str, tmp_path: Path
) -> None:
    (tmp_path / "BAG").mkdir()
    script = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({TOOLS!r})); "
        f"sys.argv = {command!r}; runpy.run_module({command[0]!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith(
        f": needs the Python module {module}; install it with: pip install 'mtvif_ros[tools]'"
    )


def test_the_gpu_check_pins_the_versions_of_the_other_requirements() -> None:
    """What only a GPU needs has no other; onnxruntime-gpu is of onnxruntime's version."""
    pinned: dict[str, set[str]] = {}
    for name in ("runtime", "training", "test"):
        for package, version in pins(name):
            pinned.setdefault(package, set()).add(version)
    pinned["onnxruntime-gpu"] = pinned["onnxruntime"]
    for package, version in pins("gpu"):
        assert version in pinned.get(package, {version}), package


def pins(name: str) -> list[tuple[str, str]]:
    """The packages and versions of a requirements file."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return re.findall(r"^([\w-]+)(?:\[[\w,]+\])?==([\w.]+)", text, re.M)


def test_what_only_pip_has_is_in_every_install_route() -> None:
    by_pip = {name for name in setup_requirements()[0] if ROSDEP_KEYS[name] is None}
    for name in ("docs/how-to/deploy.md", "docker/desktop.Dockerfile", "docker/jetpack6.Dockerfile"):
        lines = re.sub(r"\\\n", " ", (ROOT / name).read_text()).splitlines()
        installed = {word for line in lines if "pip install" in line for word in line.split()}
        assert by_pip <= installed, name


def test_what_is_imported_is_declared() -> None:
    imported = set()
    for path in [
        *(ROOT / "mtvif_ros").rglob("*.py"),
        *(ROOT / "launch").glob("*.py"),
        *(ROOT / "examples").glob("*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    declared = {IMPORT_NAMES.get(name, name) for name in (*exec_depends(), *ROSDEP_KEYS)}
    for_mypy_alone = {"typing_extensions"}
    assert imported - set(sys.stdlib_module_names) - {"mtvif_ros"} - for_mypy_alone <= declared


# What Ubuntu 22.04's OpenCV 4.5.4 and NumPy 1.21 lack, as far as one may be tempted to use it.
NEWER_THAN_APT = re.compile(
    r"cv2\.(utils\.logging|flipND|transposeND|broadcast|hasNonZero|stackBlur|reduceArg(Min|Max)|approxPolyN"
    r"|undistortImagePoints|findTransformECCWithMask|thresholdWithMask|minEnclosingConvexPolygon|RotatedRect"
    r"|FontFace|VideoCapture\.waitAny|im(de|en)code(multi|animation|WithMetadata)|CV_(16F|Bool|32U|64[SU])"
    r"|IM(READ_COLOR_|WRITE_(AVIF|GIF|JPEG_SAMPLING|JPEGXL|PNG_FILTER|TIFF_COMPRESSION_)|AGE_METADATA_)\w+"
    r"|COLOR_(Bayer[BGR]{4}2|(BGR|RGB)A?2YUV_(UYVY|YUY))\w+|THRESH_DRYRUN|WARP_RELATIVE_MAP)"
    r"|np\.(astype|bitwise_(count|invert|(left|right)_shift)|bool|concat|cumulative_(sum|prod)|dtypes|isdtype"
    r"|exceptions|matrix_transpose|matvec|permute_dims|pow|strings|trapezoid|unique_(all|counts|inverse|values)"
    r"|unstack|vecdot|vecmat|a(cos|sin|tan)h?|atan2)"
)


def test_nothing_is_used_that_opencv_and_numpy_from_apt_lack() -> None:
    found = {
        (path.name, ast.unparse(node))
        for folder in ("mtvif_ros", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and NEWER_THAN_APT.fullmatch(ast.unparse(node))
    }
    assert found == {("files.py", "cv2.utils.logging")}  # in place of what OpenCV 5 lacks


def test_plots_need_nothing_that_matplotlib_from_apt_lacks() -> None:
    """Ubuntu 22.04 has 3.5, where a legend has no `ncols`, and 24.04 has 3.6, whose legends lie inside."""
    text = (ROOT / "mtvif_ros/pages/plots.py").read_text()
    assert "ncol=" in text and re.findall(r"\bncols\b|\"outside \w+ \w+\",", text) == []


def test_training_is_never_imported_by_what_runs_on_the_robot() -> None:
    wrong = [
        str(path)
        for path in (ROOT / "mtvif_ros").rglob("*.py")
        if any(
            line.split()[1].split(".")[0] in ("training", "torch")
            for line in path.read_text().splitlines()
            if line.strip().startswith(("import ", "from "))
        )
    ]
    assert wrong == []


NEEDS_LAUNCH = pytest.mark.skipif(
    importlib.util.find_spec("launch_ros") is None,
    reason="launch_ros is not installed (there is no wheel of it); needs a full ROS 2",
)


def launch_file(name: str) -> Any:
    spec = importlib.util.spec_from_file_location("described", ROOT / "launch" / name)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@NEEDS_LAUNCH
@pytest.mark.parametrize(("name", "starts"), [("fusion.launch.py", "Node"), ("replay.launch.py", "Process")])
def test_a_launch_file_declares_its_arguments_and_starts_one_process(name: str, starts: str) -> None:
    launch = importlib.import_module("launch")
    module = launch_file(name)
    entities = module.generate_launch_description().entities
    context = launch.LaunchContext()
    context.launch_configurations["bag"] = "drive"
    declared = [one for one in entities if isinstance(one, launch.actions.DeclareLaunchArgument)]
    for one in declared:
        one.execute(context)
    assert {one.name for one in declared} <= context.launch_configurations.keys()
    late = [one for one in entities if isinstance(one, launch.actions.OpaqueFunction)]
    started = [action for one in late for action in one.execute(context)]
    assert [type(one).__name__.endswith(starts) for one in (*entities, *started)].count(True) == 1


def test_launch_files_make_no_ros_node_of_the_launcher() -> None:
    """Under SROS 2 it would need an enclave of its own. Of launch_ros's actions only Node makes none."""
    imported = {
        name.name
        for path in (ROOT / "launch").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "launch_ros.actions"
        for name in node.names
    }
    assert imported == {"Node"}


@NEEDS_LAUNCH
def test_arguments_replace_what_the_parameter_file_says_only_where_they_are_given() -> None:
    launch = importlib.import_module("launch")
    module = launch_file("fusion.launch.py")
    context = launch.LaunchContext()
    context.launch_configurations.update({name: default for name, (default, _) in module.ARGUMENTS.items()})
    assert module.given(context) == {}
    context.launch_configurations.update(model="m.onnx", autostart="false")
    values = {name: value.evaluate(context) for name, value in module.given(context).items()}
    assert values == {"model": "m.onnx", "autostart": False}


@NEEDS_LAUNCH
def test_a_replay_takes_the_classes_from_the_model_that_the_node_runs() -> None:
    launch = importlib.import_module("launch")
    module = launch_file("replay.launch.py")
    for given in ({}, {"model": "m.onnx", "backend": "openvino"}):
        context = launch.LaunchContext()
        defaults = {name: default for name, (default, _) in module.ARGUMENTS.items()}
        context.launch_configurations.update({**defaults, "bag": "drive", **given})
        replay = module.start(context)[0]
        words = ["".join(part.perform(context) for part in word) for word in replay.cmd[1:]]
        values = dict(itertools.pairwise(words))
        assert (values.get("--model"), values.get("--backend")) == (given.get("model"), given.get("backend"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = (ROOT / "config" / "systemd" / "mtvif.service").read_text()
    (tmp_path / "mtvif.service").write_text(unit.replace("User=ros", "User=root"))
    command = ["systemd-analyze", "verify", str(tmp_path / "mtvif.service")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "mtvif" not in done.stderr, done.stderr

"""Every command in the documents runs, on small inputs, or has a reason why it does not."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import yaml

from mtvif_ros.imaging.codec import LAYOUTS
from mtvif_ros.recordings.make_bag import main as make_bag
from mtvif_ros.synthetic import RoadScene, SceneConfig

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "models/README.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))

# What a command begins with, and why it is not run. The first that fits counts; all others are run.
NOT_RUN = {
    "make ": "make targets call what is run here; .ci/run calls lint, test and demo",
    "ros2 ": "needs an apt ROS 2: there is no wheel of ros2cli; the workflow runs it in containers",
    "rosdep ": "needs an apt ROS 2",
    "colcon ": "tests/test_package.py builds with colcon",
    "docker ": "needs a Docker daemon",
    "sudo ": "changes the machine",
    "mkdir ": "is part of the steps with ROS 2",
    "cd ": "is part of the steps with ROS 2",
    "git clone": "is part of the steps with ROS 2",
    ". install/setup.bash": "is part of the steps with ROS 2",
    ". .venv/bin/activate": "the tests run in that environment",
    "export ": "sets ROS's own variables",
    "python3 -m pip": "installs into the machine's Python",
    "mtvif_build_engine --compute-capability": "tests/mtvif_ros/engines builds such engines, in seconds",
    "mtvif_build_engine": "needs a GPU",
    "mtvif_replay_all recordings --out runs/all --ray": "ray is optional; see test_replay_all.py",
    "$PYTHON -m training.ablate": "trains for an hour; test_ablate.py runs its parts",
    "$PYTHON -m training.loop.time_step": "takes 23 large steps; test_time_step.py takes small ones",
    "$PYTHON -m training.export --run runs/mine --out mine_fp16.onnx": "test_export.py builds an engine",
    "$PYTHON -m mtvif_ros.benchmark.command models/mtvif_int8.onnx models/mtvif.onnx --foreign": (
        "needs peers' networks, which are not ours to ship; test_benchmark.py has a foreign file of its own"
    ),
    "training/history/reproduce.sh": "trains for 23 hours on outside data; see test_reproduce.py",
    "$PYTHON -m training.evaluate --model models/mtvif_int8.onnx --data ../shared": (
        "needs data outside the repository; another line of README.md evaluates"
    ),
}
# The same work, made small.
SMALLER = {
    "--rendered 20": "--rendered 2",
    "training/configs/finetune.yaml": "small.yaml",
    "training.export --run": "training.export --height 128 --width 160 --run",
    "mtvif_replay --bag": "mtvif_replay --every 20 --bag",
    "recordings --out results_all": "recordings --out results_all -- --every 20",
    "--every 10 --limits limits.yaml": "--every 20",
}


class Command(NamedTuple):
    """Hold where a command stands and what it says."""

    document: str
    text: str


def documented_commands() -> list[Command]:
    commands = []
    for path in DOCUMENTS:
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", path.read_text(), re.S | re.M):
            for line in re.sub(r"\\\n", " ", block).splitlines():
                for part in re.sub(r"(^| )#.*", "", line).split("&&"):
                    text = " ".join(part.replace(".venv/bin/python", "$PYTHON").split())
                    if text:
                        commands.append(Command(path.name, text))
    return commands


def reason_not_to_run(command: Command) -> str | None:
    return next((why for start, why in NOT_RUN.items() if command.text.startswith(start)), None)


def topic_table() -> dict[str, str]:
    """README's topics and what stands in their rows."""
    rows = re.findall(r"^\| `([\w/]+)` \| (\w+_msgs/.*) \|$", (ROOT / "README.md").read_text(), re.M)
    return dict(rows)


def test_the_topic_table_has_what_the_node_may_open() -> None:
    """The policy, which is compared with a running node, has the same topics and ROS's own."""
    policy = ElementTree.parse(ROOT / "config/sros2/mtvif.policy.xml")
    (enclave,) = policy.findall(".//enclave[@path='/mtvif/fusion_node']")
    topics = {one.text for one in enclave.iter("topic") if not (one.text or "").endswith("/compressed")}
    ros = {"/clock", "/rosout", "/parameter_events", "~/transition_event"}
    assert topic_table().keys() == topics - ros


def test_the_topic_table_names_every_encoding_that_is_read() -> None:
    visible = re.findall(r"[\w*]+", topic_table()["rgb/image_raw"].partition(" in |")[2])
    told = [pattern for pattern in visible if any(fnmatch(name, pattern) for name in LAYOUTS)]
    untold = {name for name in LAYOUTS if not any(fnmatch(name, pattern) for pattern in told)}
    assert untold == set(re.findall(r"(?:mono|16UC)\w+", topic_table()["ir/image_raw"]))


def test_every_code_block_says_what_it_is() -> None:
    for path in DOCUMENTS:
        openings = re.findall(r"^ *```(\w*)\n", path.read_text(), re.M)[::2]
        assert set(openings) <= {"sh", "yaml", "text"}, path


def headings(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_between_documents_leads_somewhere() -> None:
    seen = 0
    for path in (*DOCUMENTS, ROOT / "CHANGELOG.md"):
        for link in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text()):
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.exists(), f"{path.name}: {link}"
            assert not anchor or anchor in headings(target), f"{path.name}: {link}"
            seen += 1
    assert seen > 50


def test_options_named_in_the_text_exist() -> None:
    """Commands within a sentence are not run; their modules and options must be there."""
    modules = dict(re.findall(r'"(mtvif_\w+) = ([\w.]+):main"', (ROOT / "setup.py").read_text()))
    shared = (ROOT / "mtvif_ros/recordings/topics.py").read_text()
    seen = 0
    for path in DOCUMENTS:
        prose = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.S | re.M)
        for span in re.findall(r"`((?:mtvif_|(?:\.venv/bin/)?python -m )[^`]*)`", prose):
            words = span.split()
            name = words[0] if words[0] in modules else words[2] if len(words) > 2 else ""
            module = modules.get(name, name)
            if not module.startswith(("mtvif_ros.", "training.")):
                continue
            source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text() + shared
            for option in re.findall(r"--[a-z][a-z-]*", span):
                assert f'"{option}"' in source, f"{path.name}: {span}: {module} has no {option}"
            seen += 1
    assert seen > 10


@pytest.mark.parametrize("start", NOT_RUN)
def test_what_is_not_run_still_stands_in_a_document(start: str) -> None:
    assert any(command.text.startswith(start) for command in documented_commands())
    pytest.skip(f"{start.strip()}: {NOT_RUN[start]}")


def test_all_other_commands_run_in_order(newcomer: Path) -> None:
    ran = 0
    for command in documented_commands():
        if reason_not_to_run(command):
            continue
        text = command.text
        for large, small in SMALLER.items():
            text = text.replace(large, small)
        done = subprocess.run(["bash", "-c", text], cwd=newcomer, capture_output=True, text=True, timeout=180)
        # 2 says that a limit does not hold or a comparison is worse: a slow machine is no failure here.
        measured = re.match(r"mtvif_(replay|replay_all|compare) ", text)
        assert done.returncode in ((0, 2) if measured else (0,)), f"{command}\n{done.stdout}\n{done.stderr}"
        ran += 1
    assert ran > 20


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout with the commands on the path, and the recordings that a reader would bring."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("mtvif_ros", "training", "config", "setup.py"):
        (checkout / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "models", checkout / "models")
    _install_commands(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("ROS_DOMAIN_ID")
    _write_small_config(checkout / "small.yaml")
    _write_pairs(checkout / "FOLDER")
    for name in ("vi", "ir"):
        _write_video(checkout / f"{name}.mp4")
    rendered = ["--rendered", "2", "--time", "night", "--size", "160", "128", "--rate", "10"]
    make_bag([*rendered, "--out", str(checkout / "other_bag")])
    (checkout / "recordings").mkdir()
    shutil.copytree(checkout / "other_bag", checkout / "recordings" / "drive")
    yield checkout


def _install_commands(folder: Path) -> None:
    """Write what pip would for setup.py's console_scripts."""
    folder.mkdir()
    for name, module in re.findall(r'"(mtvif_\w+) = ([\w.]+):main"', (ROOT / "setup.py").read_text()):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        script.chmod(0o755)


def _write_small_config(path: Path) -> None:
    config = yaml.safe_load((ROOT / "training/configs/finetune.yaml").read_text())
    config["train"] |= {"steps": 2, "batch": 2, "crop": [64, 64], "warmup_steps": 1, "workers": 0}
    path.write_text(yaml.safe_dump(config))


def _write_pairs(folder: Path) -> None:
    scene = RoadScene(SceneConfig(seed=1, width=160, height=128))
    for number in range(3):
        frame = scene.frame(number * 40)
        for part, pixels in (("vi", frame.rgb[..., ::-1]), ("ir", frame.ir), ("labels", frame.mask)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / part / f"{number}.png"), pixels)


def _write_video(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (160, 128))
    for level in range(0, 250, 50):
        writer.write(np.full((128, 160, 3), level, np.uint8))
    writer.release()

"""The documents are short, lead somewhere, and tell what the code does: every command in them runs."""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import redirect_stdout
from fnmatch import fnmatch
from functools import cache
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import yaml

from mtvif_ros.imaging.codec import LAYOUTS
from mtvif_ros.recordings.make_bag import main as make_bag
from mtvif_ros.replay.limits import read_limits
from mtvif_ros.synthetic import RoadScene, SceneConfig
from training.config import read_plain

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
# In the order in which a newcomer follows them: later commands use what earlier ones made.
DOCUMENTS = [
    DOCS / "tutorial.md",
    *(DOCS / "how-to" / f"{name}.md" for name in ("calibrate", "train", "deploy", "evaluate", "navigate")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "models/README.md")),
    *sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "how-to" and path.stem != "tutorial"),
]
MOST_WORDS = 9_000

# How a command begins, and why it does not run here. The first that fits counts.
NOT_RUN = {
    "make ": "calls what runs here",
    ".ci/run": "runs this test",
    "ros2 ": "needs ROS 2 from apt",
    "rosdep ": "needs ROS 2 from apt",
    "colcon ": "tests/test_package.py builds with colcon",
    "docker ": "needs a Docker daemon",
    "sudo ": "changes the machine",
    "mkdir ": "is a step of the build with ROS 2",
    "cd ": "is a step of the build with ROS 2",
    "git clone": "is a step of the build with ROS 2",
    ". install/setup.bash": "is a step of the build with ROS 2",
    ". .venv/bin/activate": "the tests run in that environment",
    "export ": "sets ROS's own variables",
    "python3 examples/": "runs until it is stopped; tests/examples runs both",
    "python3 -m pip": "installs into the machine's Python",
    "mtvif_build_engine": "tests/mtvif_ros/engines/tensorrt builds engines",
    "mtvif_replay_all recordings --out results_all --ray": "test_many.py starts a cluster",
    "$PYTHON .ci/corrupt.py": "takes minutes; test_corrupt.py damages one of each kind",
    "$PYTHON -m training.ablate": "trains for hours; test_ablate.py runs its parts",
    "$PYTHON -m training.recipe": "trains for hours; test_recipe.py follows a small one",
    "$PYTHON -m training.evaluate --model models/mtvif_int8.onnx --data ../shared": "needs MSRS",
}
# The same work, made small.
SMALLER = {
    "--rendered 20": "--rendered 1 --size 160 128 --rate 10",
    "--rendered 48": "--rendered 1",
    "training/configs/finetune.yaml": "small.yaml",
    "training/configs/own.yaml": "small_own.yaml",
    "training.export --run": "training.export --size 64x96 --run",
    "mtvif_replay --bag": "mtvif_replay --fast --no-preview --bag",
    "--out results_all --": "--out results_all -- --fast --no-preview",
    "--footprint": "--footprint --runs 2",
    "mtvif_ros.benchmark.pairing": "mtvif_ros.benchmark.pairing --seconds 2",
    "--every 30": "--every 4",
}


class Command(NamedTuple):
    """Hold where a command stands and what it says."""

    document: str
    text: str


def commands_to_type() -> list[Command]:
    """Return each command of the documents once, in the order of DOCUMENTS."""
    first: dict[str, Command] = {}
    for path in DOCUMENTS:
        for block in re.findall(r"^```sh\n(.*?)^```", path.read_text(), re.S | re.M):
            for line in re.sub(r"\\\n", " ", block).splitlines():
                for part in re.sub(r"(^| )#.*", "", line).split("&&"):
                    text = part.replace(".venv/bin/python", "$PYTHON").replace("ros2 run mtvif_ros ", "")
                    text = " ".join(text.split())
                    if text:
                        first.setdefault(text, Command(path.name, text))
    return list(first.values())


def reason_not_to_run(command: Command) -> str | None:
    return next((why for start, why in NOT_RUN.items() if command.text.startswith(start)), None)


def prose(path: Path) -> str:
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M)


def block_after(path: Path, heading: str) -> str:
    """Return the first code block below a heading."""
    found = re.search(rf"^#+ {re.escape(heading)}$.*?^```\w+\n(.*?)^```", path.read_text(), re.S | re.M)
    assert found, f"{path.name} has no block below {heading}"
    return found[1]


def test_all_documents_together_are_short() -> None:
    words = {path: len(path.read_text().split()) for path in (*DOCUMENTS, ROOT / "CHANGELOG.md")}
    assert sum(words.values()) <= MOST_WORDS, words


def test_every_code_block_names_its_language() -> None:
    for path in DOCUMENTS:
        openings = re.findall(r"^```(\w*)\n", path.read_text(), re.M)[::2]
        assert set(openings) <= {"sh", "yaml", "text", "bibtex"}, path


def test_after_a_build_with_colcon_ros2_run_finds_the_commands() -> None:
    """colcon puts them beside fusion_node, where no PATH leads."""
    built = (DOCS / "tutorial.md").read_text().partition("\n## 3.")[2].partition("\n## 6.")[0]
    assert "\nros2 run mtvif_ros mtvif_" in built
    assert re.findall(r"^mtvif_.*", built, re.M) == []


def headings(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose(path), re.M)
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
    assert seen > 40


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, to_read = set(), [ROOT / "README.md"]
    while to_read:
        path = to_read.pop()
        if path in reached:
            continue
        reached.add(path)
        links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
        to_read += [target for link in links if (target := (path.parent / link).resolve()).suffix == ".md"]
    assert set(DOCUMENTS) <= reached


def test_modules_and_files_that_the_text_names_exist() -> None:
    seen = 0
    for path in DOCUMENTS:
        for name in re.findall(r"`((?:mtvif_ros|training|tests|config|docker)[./][\w./-]+)`", prose(path)):
            if "NAME" in name:
                continue
            as_module = ROOT / name.replace(".", "/")
            exists = (ROOT / name).exists() or as_module.with_suffix(".py").exists() or as_module.is_dir()
            assert exists, f"{path.name}: {name}"
            seen += 1
    assert seen > 10


def documented_topics() -> dict[str, str]:
    """Return the reference's topics and the rest of their rows."""
    rows = re.findall(
        r"^\| `([\w/]+)` \| (\w+_msgs/.*) \|$", (DOCS / "reference/topics.md").read_text(), re.M
    )
    return dict(rows)


def test_the_topics_are_those_that_the_node_may_open() -> None:
    """The security policy, which a test compares with a running node, has the same topics and ROS's own."""
    policy = ElementTree.parse(ROOT / "config/sros2/mtvif.policy.xml")
    (enclave,) = policy.findall(".//enclave[@path='/mtvif/fusion_node']")
    topics = {one.text for one in enclave.iter("topic") if not (one.text or "").endswith("/compressed")}
    ros = {"/clock", "/rosout", "/parameter_events", "~/transition_event"}
    assert documented_topics().keys() == topics - ros


def test_the_layouts_show_topics_that_exist() -> None:
    known = {f"/{topic.lstrip('/')}" for topic in documented_topics()}
    for name in ("foxglove.json", "mtvif.rviz"):
        shown = set(re.findall(r"/(?:mtvif|rgb|ir)/\w+|/diagnostics", (ROOT / "config" / name).read_text()))
        assert {"/mtvif/confidence", "/mtvif/overlay", "/mtvif/thermal"} <= shown <= known, name


def test_the_topics_name_every_encoding_that_the_node_reads() -> None:
    visible = re.findall(r"[\w*]+", documented_topics()["rgb/image_raw"].partition(" in |")[2])
    named = [pattern for pattern in visible if any(fnmatch(name, pattern) for name in LAYOUTS)]
    others = {name for name in LAYOUTS if not any(fnmatch(name, pattern) for pattern in named)}
    assert others == set(re.findall(r"(?:mono|16[US]C|32FC)\w+", documented_topics()["ir/image_raw"]))


def test_the_readme_names_topics_and_parameters_of_the_reference() -> None:
    parameters = re.findall(r"^\| `([\w.]+)` \|", (DOCS / "reference/parameters.md").read_text(), re.M)
    tables = re.findall(r"^\| (`.*?) \|", (ROOT / "README.md").read_text(), re.M)
    named = {name for cell in tables for name in re.findall(r"`([\w./]+)`", cell)}
    assert len(named) > 12
    assert named <= {*parameters, *documented_topics()}


def console_scripts() -> dict[str, str]:
    """Return setup.py's commands and their modules."""
    return dict(re.findall(r'"(mtvif_\w+) = ([\w.]+):main"', (ROOT / "setup.py").read_text()))


@cache
def options_of(module: str) -> set[str]:
    """Return the options that a command's --help lists."""
    with redirect_stdout(StringIO()) as shown, pytest.raises(SystemExit):
        importlib.import_module(module).main(["--help"])
    return set(re.findall(r"^ +(?:-\w, )?(--[a-z][a-z-]*)", shown.getvalue(), re.M)) - {"--help"}


def synopses() -> dict[str, set[str]]:
    """Return the reference's commands, by module, and their options."""
    text = (DOCS / "reference/commands.md").read_text()
    of_bags = re.search(r"^Commands with (`--bag`.*?)\n\n", text, re.S | re.M)
    assert of_bags
    entries = re.findall(r"^((?:mtvif_|training\.)[\w.]+)((?: .*\n|\n(?=    ))+)", text, re.M)
    return {
        console_scripts().get(name, name): set(
            re.findall(r"--[a-z][a-z-]*", rest + (of_bags[1] if "--bag " in rest else ""))
        )
        for name, rest in entries
    }


def test_the_reference_has_every_option_of_every_command() -> None:
    documented = synopses()
    assert set(console_scripts().values()) <= documented.keys()
    for module, options in documented.items():
        assert options == options_of(module), module


def test_options_within_a_sentence_exist() -> None:
    seen = 0
    for path in DOCUMENTS:
        for span in re.findall(r"`((?:mtvif_|python -m |training\.)[^`]* --[^`]*)`", prose(path)):
            name = span.removeprefix("python -m ").split()[0]
            for option in re.findall(r"--[a-z][a-z-]*", span):
                assert option in options_of(console_scripts().get(name, name)), f"{path.name}: {span}"
                seen += 1
    assert seen > 2


def test_the_documented_limits_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text(block_after(DOCS / "reference/files.md", "limits.yaml"))
    assert read_limits(None).items() <= read_limits(path).items()


def test_what_does_not_run_still_stands_in_a_document() -> None:
    gone = [start for start in NOT_RUN if not any(one.text.startswith(start) for one in commands_to_type())]
    assert gone == []


@pytest.mark.long
def test_all_other_commands_run_in_order(newcomer: Path) -> None:
    ran = 0
    for command in commands_to_type():
        if reason_not_to_run(command):
            continue
        text = command.text
        for large, small in SMALLER.items():
            text = text.replace(large, small)
        done = subprocess.run(["bash", "-c", text], cwd=newcomer, capture_output=True, text=True, timeout=600)
        # 2 says that a limit does not hold or a model is worse, as may happen with inputs this small.
        measured = re.match(r"mtvif_(replay|replay_all|compare) ", text)
        assert done.returncode in ((0, 2) if measured else (0,)), f"{command}\n{done.stdout}\n{done.stderr}"
        ran += 1
    assert ran > 20
    summary = json.loads((newcomer / "results" / "summary.json").read_text())
    listed = re.search(r"`summary.json` holds:\n\n(.*?)\n\n", (DOCS / "reference/files.md").read_text(), re.S)
    assert listed
    named = {name for line in listed[1].split("- ") for name in re.findall(r"`([a-z_]+)`", line)}
    assert summary.keys() <= named


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the commands on the path, and what a reader brings: recordings, pairs and limits."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("mtvif_ros", "training", "config", "setup.py"):
        (checkout / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "models", checkout / "models")
    _install_commands(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    _write_small_config(checkout / "small.yaml")
    _write_small_config(checkout / "small_own.yaml", "own.yaml")
    _write_pairs(checkout / "FOLDER")
    for name in ("train", "val"):
        _write_pairs(checkout / "own" / name)
        _label_as_cvat(checkout / "own" / name)
    for name in ("vi", "ir"):
        _write_video(checkout / f"{name}.mp4")
    for bag, seed in (("drive", "1"), ("other_drive", "2"), ("recordings/drive", "3")):
        (checkout / bag).parent.mkdir(exist_ok=True)
        rendered = ["--rendered", "2", "--time", "day", "--size", "240", "192", "--rate", "12"]
        make_bag([*rendered, "--seed", seed, "--out", str(checkout / bag)])
    limits = block_after(DOCS / "reference/files.md", "limits.yaml")
    (checkout / "limits.yaml").write_text(limits)
    return checkout


def _install_commands(folder: Path) -> None:
    """Write what pip would for setup.py's console_scripts."""
    folder.mkdir()
    for name, module in console_scripts().items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        script.chmod(0o755)


def _write_small_config(path: Path, of: str = "finetune.yaml") -> None:
    config = read_plain(ROOT / "training/configs" / of)
    config["train"] |= {"steps": 2, "batch": 2, "crop": [64, 64], "warmup_steps": 1, "workers": 0}
    config["train"]["canvases"] = min(8, config["train"]["canvases"])
    path.write_text(yaml.safe_dump(config))


def _label_as_cvat(folder: Path) -> None:
    """Replace a folder's masks by those that CVAT exports for three classes."""
    colours = np.array([[0, 0, 0], [51, 221, 255], [250, 50, 83]], np.uint8)
    names = ("background", "vehicle", "pedestrian")
    lines = [f"{name}:{','.join(map(str, rgb))}::" for name, rgb in zip(names, colours.tolist())]
    (folder / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *lines, ""]))
    (folder / "SegmentationClass").mkdir()
    for path in (folder / "labels").glob("*.png"):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert mask is not None
        cv2.imwrite(
            str(folder / "SegmentationClass" / path.name), colours[np.where(mask < 3, mask, 0)][..., ::-1]
        )
    shutil.rmtree(folder / "labels")


def _write_pairs(folder: Path) -> None:
    scene = RoadScene(SceneConfig(seed=1, width=160, height=128))
    for number in range(2):
        frame = scene.frame(number * 40)
        for part, pixels in (("vi", frame.rgb[..., ::-1]), ("ir", frame.ir), ("labels", frame.mask)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / part / f"{number}.png"), pixels)


def _write_video(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (160, 128))
    for level in range(0, 250, 50):
        writer.write(np.full((128, 160, 3), level, np.uint8))
    writer.release()

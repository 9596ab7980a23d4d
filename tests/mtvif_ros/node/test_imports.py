"""A robot needs what the node needs; plots, templates, bars and bag tools stay on the desk."""

import subprocess
import sys

_TOOLS = ("jinja2", "matplotlib", "tqdm", "mcap", "mcap_ros2", "rosbags", "torch", "scipy", "pandas")
_CODE = """
import sys
for name in {tools!r}:
    sys.modules[name] = None  # makes `import name` fail
import mtvif_ros.node.fusion_node
from mtvif_ros.engines.load import choose_backend
choose_backend("onnxruntime")
"""


def test_the_node_and_its_engines_import_without_the_tools() -> None:
    command = [sys.executable, "-c", _CODE.format(tools=_TOOLS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

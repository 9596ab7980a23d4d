"""Values by ROS name become typed and checked; test_runtime.py changes them on a running node."""

import re

import pytest

from mtvif_ros.node.parameter_server import ParameterError, typed
from mtvif_ros.node.parameters import Parameters


def test_a_value_lies_under_its_ros_name() -> None:
    given = {"sync.slop": 0.05, "backend": "openvino", "registration.homography": [2.0] * 9}
    values = typed(given | {"model": "x.onnx", "model.rate": 15.0})
    assert (values.model, values.sizing.rate) == ("x.onnx", 15.0)
    assert (values.sync.slop, values.backend) == (0.05, "openvino")
    assert values.registration.homography == (2.0,) * 9
    assert values.thermal == Parameters().thermal


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("backend", "abacus", "abacus.*auto, tensorrt, openvino, onnxruntime"),
        ("sync.slop", 11.0, r"11.0 is not within 0.0001 \.\. 10.0"),
        ("sync.slop", float("nan"), "nan is not within"),
        ("model.size", "640", "'640' is not HEIGHTxWIDTH, such as 480x640, and not auto"),
        ("threads", -1, r"-1 is not within 0 \.\. 1024"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(name: str, value: object, told: str) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(name)}: .*{told}"):
        typed({name: value})


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(ParameterError, match=r"threads: .*; sync\.slop: "):
        typed({"threads": -1, "sync.slop": 0.0})

"""Values by ROS name become typed and checked; test_runtime.py changes them on a running node."""

import re

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter

from mtvif_ros.node.parameter_server import ParameterError, declare_parameters, typed, watch_parameters
from mtvif_ros.node.parameters import Parameters
from tests.mtvif_ros.node.cameras import Cameras


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
        ("rate.maximum", 5e-324, "5e-324 is too low a rate"),
        ("threads", -1, r"-1 is not within 0 \.\. 1024"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(name: str, value: object, told: str) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(name)}: .*{told}"):
        typed({name: value})


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(ParameterError, match=r"threads: .*; sync\.slop: "):
        typed({"threads": -1, "sync.slop": 0.0})


def test_a_change_that_fails_whatever_the_error_is_refused_in_one_line(cameras: Cameras) -> None:
    node = Node("given", context=cameras.context)
    declare_parameters(node)

    def adopt(_: Parameters) -> None:
        raise OverflowError("cannot convert float infinity\nto integer")

    watch_parameters(node, lambda: True, adopt)
    (result,) = node.set_parameters([Parameter("overlay.opacity", value=0.25)])
    assert not result.successful
    assert result.reason == "overlay.opacity: OverflowError: cannot convert float infinity to integer"
    assert node.get_parameter("overlay.opacity").value == Parameters().overlay.opacity
    node.destroy_node()

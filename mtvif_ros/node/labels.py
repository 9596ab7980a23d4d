"""Tell subscribers what the values of the mask mean."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node

from mtvif_ros import topics
from mtvif_ros.model_file import ModelFile
from mtvif_ros.node.qos import LATCHED


def declare_labels(node: Node, model: ModelFile) -> None:
    """Set the node's parameters `classes` and `palette` (#rrggbb), in the order of the mask's values.

    The node refuses to change them, but the next configure may bring another model; so they are not
    read-only, because ROS never undeclares a read-only parameter.
    """
    labels = {
        "classes": (list(model.classes), "Class names, by mask value."),
        "palette": (["#{:02x}{:02x}{:02x}".format(*colour) for colour in model.palette], "Class colours."),
    }
    is_first = not node.has_parameter("classes")
    for name, (value, description) in labels.items():
        if not is_first:
            node.undeclare_parameter(name)
        # A file of `ros2 param dump` has those of the model that ran then.
        node.declare_parameter(
            name, value, ParameterDescriptor(description=description), ignore_override=True
        )
    if is_first:
        node.add_on_set_parameters_callback(partial(_refuse, frozenset(labels), node))


def _refuse(names: frozenset[str], node: Node, parameters: list[Any]) -> SetParametersResult:
    # ROS asks at the declaration too, when the parameter does not exist yet.
    changed = [one.name for one in parameters if one.name in names and node.has_parameter(one.name)]
    reason = f"{', '.join(changed)}: belongs to the model file and cannot be set" if changed else ""
    return SetParametersResult(successful=not changed, reason=reason)


def publish_label_info(node: Node, made: ExitStack, model: ModelFile) -> None:
    """Publish vision_msgs/LabelInfo once, latched, where vision_msgs is installed; `made` takes it back."""
    try:
        from vision_msgs.msg import LabelInfo, VisionClass
    except ImportError:
        return
    publisher = node.create_publisher(LabelInfo, topics.LABEL_INFO, LATCHED)
    made.callback(node.destroy_publisher, publisher)
    classes = [VisionClass(class_id=index, class_name=name) for index, name in enumerate(model.classes)]
    message = LabelInfo(class_map=classes, threshold=0.0)
    message.header.stamp = node.get_clock().now().to_msg()
    publisher.publish(message)

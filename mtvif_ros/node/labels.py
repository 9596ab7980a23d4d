"""Tell subscribers what the mask's values mean."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile

from mtvif_ros.model_file import ModelFile

_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def declare_labels(node: Any, model: ModelFile) -> None:
    """Set the node's parameters `classes` and `palette` (#rrggbb), in the order of the mask's values.

    They are the model's and nobody can change them, but another model may come with the next configure;
    ROS never lets go of a parameter that was declared read-only.
    """
    from rcl_interfaces.msg import ParameterDescriptor

    labels = {
        "classes": (list(model.classes), "Class names, by mask value."),
        "palette": (["#{:02x}{:02x}{:02x}".format(*colour) for colour in model.palette], "Their colours."),
    }
    first = not node.has_parameter("classes")
    for name, (value, description) in labels.items():
        if not first:
            node.undeclare_parameter(name)
        node.declare_parameter(name, value, ParameterDescriptor(description=description))
    if first:
        node.add_on_set_parameters_callback(partial(_refuse, frozenset(labels), node))


def _refuse(names: frozenset[str], node: Any, parameters: list[Any]) -> Any:
    from rcl_interfaces.msg import SetParametersResult

    # While a parameter is being declared it is not there yet.
    changed = [one.name for one in parameters if one.name in names and node.has_parameter(one.name)]
    reason = f"{', '.join(changed)}: belongs to the model file and cannot be set" if changed else ""
    return SetParametersResult(successful=not changed, reason=reason)


def publish_label_info(node: Any, model: ModelFile) -> Any | None:
    """Publish vision_msgs/LabelInfo once, latched, on `mtvif/label_info`.

    Returns the publisher, which must be kept; None where vision_msgs is not installed.
    """
    try:
        from vision_msgs.msg import LabelInfo, VisionClass
    except ImportError:
        return None
    publisher = node.create_publisher(LabelInfo, "mtvif/label_info", _LATCHED)
    classes = [VisionClass(class_id=index, class_name=name) for index, name in enumerate(model.classes)]
    message = LabelInfo(class_map=classes, threshold=0.0)
    message.header.stamp = node.get_clock().now().to_msg()
    publisher.publish(message)
    return publisher

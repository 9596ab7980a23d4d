"""Subscribe to the cameras, in the transport that each one sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image


def subscribe_images(node: Node, topic: str, transport: str, callback: Callable[[Any], None]) -> Subscription:
    """Subscribe to `topic`, or to `topic/compressed` as image_transport names it.

    The QoS is that of sensor data; parameters `qos_overrides.TOPIC.subscription.…` change it.
    """
    name = node.resolve_topic_name(topic)
    kind = Image
    if transport == "compressed":
        name, kind = f"{name}/compressed", CompressedImage
    return node.create_subscription(
        kind,
        name,
        callback,
        qos_profile_sensor_data,
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )


def subscribe_camera_info(node: Node, topic: str, callback: Callable[[CameraInfo], None]) -> Subscription:
    """Subscribe to the camera_info beside an image topic."""
    beside = node.resolve_topic_name(topic).rpartition("/")[0]
    return node.create_subscription(CameraInfo, f"{beside}/camera_info", callback, qos_profile_sensor_data)

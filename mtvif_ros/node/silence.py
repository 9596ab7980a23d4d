"""Find out why nothing arrives on a topic, from what the ROS graph knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible

from mtvif_ros import topics
from mtvif_ros.node.inputs import Camera

_IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


def why_silent(node: Node, camera: Camera) -> str:
    """Return in one line who publishes on a silent camera's topic, and what probably helps."""
    expected = _IMAGES[camera.is_compressed]
    publishers = node.get_publishers_info_by_topic(camera.topic)
    if not publishers:
        return f"{camera.topic}: nobody publishes it; {_remedy(node, camera)}"
    same = [one for one in publishers if one.topic_type == expected]
    if not same:
        return (
            f"{camera.topic}: is {_listed(one.topic_type for one in publishers)} from {_names(publishers)}, "
            f"not {expected}; {_remedy(node, camera)}"
        )
    mine = next(one.qos_profile for one in node.subscriptions if one.topic_name == camera.topic)
    for one in same:
        verdict, reason = qos_check_compatible(one.qos_profile, mine)
        if verdict == QoSCompatibility.ERROR:
            return (
                f"{camera.topic}: the QoS of {_names([one])} ({_qos(one.qos_profile)}) does not suit this "
                f"node's ({_qos(mine)}), {reason.strip(' ;')}; "
                f"change qos_overrides.{camera.topic}.subscription"
            )
    told = ", ".join(f"{_names([one])} ({_qos(one.qos_profile)})" for one in same)
    return (
        f"{camera.topic}: {told} publishes {expected}, but no frame arrives; is the camera running, and do "
        "network and firewall let large messages through?"
    )


def _remedy(node: Node, camera: Camera) -> str:
    """Say where the images are instead."""
    own = {publisher.topic_name for publisher in node.publishers}
    found = {
        name: set(kinds)
        for name, kinds in node.get_topic_names_and_types()
        if set(kinds) & set(_IMAGES) and name not in own and node.count_publishers(name)
    }
    parameter = f"{camera.stream.name.lower()}.transport"
    raw = camera.topic.removesuffix("/compressed")
    other = raw if camera.is_compressed else topics.compressed(camera.topic)
    if _IMAGES[not camera.is_compressed] in found.get(other, ()):
        return f"set {parameter} to {'raw' if camera.is_compressed else 'compressed'}: {other} is there"
    if not camera.is_compressed and raw != camera.topic and _IMAGES[1] in found.get(camera.topic, ()):
        return f"set {parameter} to compressed, and remap {camera.name} to {raw}"
    listed = ", ".join(sorted(set(found) - {camera.topic})) or "none"
    return f"start the camera, or remap {camera.name} to one of the image topics here ({listed})"


def _names(endpoints: Iterable[Any]) -> str:
    return _listed(f"{one.node_namespace.rstrip('/')}/{one.node_name}" for one in endpoints)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))


def _qos(profile: QoSProfile) -> str:
    return f"{profile.reliability.name}, {profile.durability.name}".lower().replace("_", " ")

"""Publish what the network gives, in every form that someone listens to."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mtvif_ros.image import Image as Pixels
from mtvif_ros.imaging.codec import write_compressed, write_image
from mtvif_ros.imaging.draw import overlay

# Reliable serves reliable and best-effort subscribers alike.
_QOS = QoSProfile(depth=10)
# By topic: the raw encoding, and the compression of TOPIC/compressed (a mask must stay lossless).
_IMAGES = {
    "mtvif/segmentation": ("mono8", "png"),
    "mtvif/fused": ("rgb8", "jpeg"),
    "mtvif/overlay": ("rgb8", "jpeg"),
}


class Outputs:
    """Own the publishers of images and camera_info.

    Segmentation and fused image are always published; overlay and compressed forms are made only while
    someone listens. QoS may be changed by parameters `qos_overrides.TOPIC.publisher.…`.
    """

    def __init__(self, node: LifecycleNode):
        self._node = node
        self._raw = {topic: self._create(Image, topic) for topic in _IMAGES}
        self._compressed = {topic: self._create(CompressedImage, f"{topic}/compressed") for topic in _IMAGES}
        self._camera_info = self._create(CameraInfo, "mtvif/camera_info")

    def publish(self, fused: Pixels, mask: Pixels, header: Any, camera_info: CameraInfo | None) -> None:
        """Publish both images, and the camera's info where it fits them, under the visible frame's header."""
        # The mask first: machines wait for it, and it is a third of the fused image.
        images = {"mtvif/segmentation": mask, "mtvif/fused": fused}
        for topic, pixels in images.items():
            self._raw[topic].publish(write_image(pixels, _IMAGES[topic][0], header))
        if camera_info is not None and self._fits(camera_info, mask):
            camera_info.header = header
            self._camera_info.publish(camera_info)
        for topic, pixels in images.items():
            self._publish_compressed(topic, pixels, header)

    def publish_overlay(self, fused: Pixels, mask: Pixels, header: Any, opacity: float) -> None:
        """Publish the classes' colours over the fused image where someone listens."""
        topic = "mtvif/overlay"
        if _is_heard(self._raw[topic]) or _is_heard(self._compressed[topic]):
            picture = overlay(fused, mask, opacity)
            self._raw[topic].publish(write_image(picture, _IMAGES[topic][0], header))
            self._publish_compressed(topic, picture, header)

    def destroy(self) -> None:
        """Destroy all publishers."""
        for publisher in (*self._raw.values(), *self._compressed.values(), self._camera_info):
            self._node.destroy_lifecycle_publisher(publisher)

    def _create(self, kind: type, topic: str) -> Any:
        overrides = QoSOverridingOptions.with_default_policies()
        return self._node.create_lifecycle_publisher(kind, topic, _QOS, qos_overriding_options=overrides)

    def _publish_compressed(self, topic: str, pixels: Pixels, header: Any) -> None:
        if _is_heard(self._compressed[topic]):
            self._compressed[topic].publish(write_compressed(pixels, _IMAGES[topic][1], header))

    def _fits(self, camera_info: CameraInfo, mask: Pixels) -> bool:
        size = (camera_info.height, camera_info.width)
        if size != mask.shape:
            self._node.get_logger().warning(
                f"camera_info is for {size[1]}x{size[0]}, but the visible frames are "
                f"{mask.shape[1]}x{mask.shape[0]}; mtvif/camera_info is not published until they agree",
                throttle_duration_sec=10.0,
            )
        return size == mask.shape


def _is_heard(publisher: Any) -> bool:
    return bool(publisher.get_subscription_count())

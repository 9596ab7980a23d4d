"""Publish what the network gives, in every form that someone listens to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from mtvif_ros import topics
from mtvif_ros.image import Image as Pixels
from mtvif_ros.imaging.codec import write_compressed, write_image
from mtvif_ros.imaging.draw import overlay, with_boxes
from mtvif_ros.imaging.regions import Region
from mtvif_ros.imaging.thermal import Celsius
from mtvif_ros.model_file import ModelFile
from mtvif_ros.node.detections import detections_message, message_type


class Output:
    """Publish one image raw and, while someone listens, compressed as `jpeg` or, without loss, `png`.

    The compressed form follows the topic when that is remapped. `made` destroys the publishers.
    """

    def __init__(self, node: LifecycleNode, made: ExitStack, topic: str, encoding: str, compression: str):
        self._encoding, self._compression = encoding, compression
        self._raw = _publisher(node, made, Image, topic)
        compressed = topics.companion(node, topic, topics.compressed)
        self._compressed = _publisher(node, made, CompressedImage, compressed)

    def is_heard(self) -> bool:
        """Return whether anyone listens to either form."""
        return bool(self._raw.get_subscription_count() or self._compressed.get_subscription_count())

    def publish_raw(self, pixels: Pixels, header: Header) -> None:
        """Publish (H, W, 3) or (H, W) pixels as they are."""
        self._raw.publish(write_image(pixels, self._encoding, header))

    def publish_compressed(self, pixels: Pixels, header: Header) -> None:
        """Compress the pixels and publish them if anyone listens."""
        if self._compressed.get_subscription_count():
            self._compressed.publish(write_compressed(pixels, self._compression, header))


class Outputs:
    """Own the publishers of all answers; `made` destroys them.

    There is none of confidence for a model without it, and none of detections without vision_msgs.
    Parameters `qos_overrides.TOPIC.publisher.…` change the QoS.
    """

    def __init__(self, node: LifecycleNode, made: ExitStack, model: ModelFile):
        self._node, self._model = node, model
        self._mask = Output(node, made, topics.SEGMENTATION, "mono8", "png")
        self._fused = Output(node, made, topics.FUSED, "rgb8", "jpeg")
        self._overlay = Output(node, made, topics.OVERLAY, "rgb8", "jpeg")
        self._confidence = None
        if model.has_confidence:
            self._confidence = Output(node, made, topics.CONFIDENCE, "mono8", "png")
        self._thermal = _publisher(node, made, Image, topics.THERMAL)
        kind = message_type()
        self._detections = None if kind is None else _publisher(node, made, kind, topics.DETECTIONS)
        self._camera_info = _publisher(node, made, CameraInfo, topics.CAMERA_INFO)

    def are_heard(self) -> bool:
        """Return whether anyone listens to any of them."""
        images = [self._mask, self._fused, self._overlay, *filter(None, [self._confidence])]
        others = [self._camera_info, self._thermal, *filter(None, [self._detections])]
        return any(image.is_heard() for image in images) or any(
            publisher.get_subscription_count() for publisher in others
        )

    def publish(self, fused: Pixels, mask: Pixels, header: Header, camera_info: CameraInfo | None) -> None:
        """Publish `fused` (H, W, 3), `mask` (H, W) and a camera_info of their size, under one header."""
        # The mask first: machines wait for it, and it is a third of the fused image. Compression comes last.
        self._mask.publish_raw(mask, header)
        self._fused.publish_raw(fused, header)
        if camera_info is not None and self._fits(camera_info, mask):
            camera_info.header = header
            self._camera_info.publish(camera_info)
        self._mask.publish_compressed(mask, header)
        self._fused.publish_compressed(fused, header)

    def need_confidence(self) -> bool:
        """Return whether anyone listens to the confidence."""
        return self._confidence is not None and self._confidence.is_heard()

    def need_temperatures(self) -> bool:
        """Return whether anyone listens to the temperatures."""
        return bool(self._thermal.get_subscription_count())

    def need_regions(self, boxes: bool) -> bool:
        """Return whether anyone listens to the detections, or to an overlay with `boxes`."""
        return bool(self._detections and self._detections.get_subscription_count()) or (
            boxes and self._overlay.is_heard()
        )

    def publish_confidence(self, confidence: Pixels, header: Header) -> None:
        """Publish the confidence (H, W) if anyone listens."""
        if self._confidence is not None and self._confidence.is_heard():
            self._confidence.publish_raw(confidence, header)
            self._confidence.publish_compressed(confidence, header)

    def publish_temperatures(self, temperatures: Celsius, header: Header) -> None:
        """Publish temperatures (H, W) in °C if anyone listens."""
        if self._thermal.get_subscription_count():
            self._thermal.publish(write_image(temperatures, "32FC1", header))

    def publish_detections(self, regions: Sequence[Region], header: Header) -> None:
        """Publish the regions of the mask if anyone listens."""
        if self._detections and self._detections.get_subscription_count():
            self._detections.publish(detections_message(regions, self._model.classes, header))

    def publish_overlay(
        self, fused: Pixels, mask: Pixels, regions: Sequence[Region], header: Header, opacity: float
    ) -> None:
        """Draw classes and regions over the fused image and publish that if anyone listens."""
        if self._overlay.is_heard():
            picture = overlay(fused, mask, self._model.colours, opacity)
            picture = with_boxes(picture, regions, self._model.classes, self._model.colours)
            self._overlay.publish_raw(picture, header)
            self._overlay.publish_compressed(picture, header)

    def _fits(self, camera_info: CameraInfo, mask: Pixels) -> bool:
        roi = camera_info.roi
        size = (
            (roi.height or camera_info.height) // max(1, camera_info.binning_y),
            (roi.width or camera_info.width) // max(1, camera_info.binning_x),
        )
        if size != mask.shape:
            self._node.get_logger().warning(
                f"{self._camera_info.topic_name} is not published: the visible camera's camera_info is for "
                f"{size[1]}x{size[0]}, its frames are {mask.shape[1]}x{mask.shape[0]}; make the driver agree",
                throttle_duration_sec=10.0,
            )
        return size == mask.shape


def _publisher(node: LifecycleNode, made: ExitStack, kind: type, topic: str) -> Any:
    overrides = QoSOverridingOptions.with_default_policies()
    # Reliable publishers serve reliable and best-effort subscribers alike. Each topic needs a profile of its
    # own, because rclpy writes the overrides of one topic into the profile.
    qos = QoSProfile(depth=10)
    publisher = node.create_lifecycle_publisher(kind, topic, qos, qos_overriding_options=overrides)
    made.callback(node.destroy_lifecycle_publisher, publisher)
    return publisher

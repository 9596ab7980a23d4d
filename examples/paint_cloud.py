"""Paint the mask onto a point cloud: publish it again with the fields `rgb` and `label` at each point.

A point behind the camera, outside of its picture or on a pixel of value 255 has the label 255 and is grey.
The pose is two parameters, not tf, for brevity: translation (m) and rotation (x, y, z, w) bring points of the
cloud into the optical frame, as `ros2 run tf2_ros tf2_echo CAMERA_FRAME CLOUD_FRAME` prints them.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, Vector3
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, PointCloud2

from mtvif_ros import topics
from mtvif_ros.classes import IGNORE, colour_table
from mtvif_ros.image import Image
from mtvif_ros.imaging.clouds import read_points, with_colours
from mtvif_ros.imaging.lenses import Lens, Points, Pose, lens_of, pose_of
from mtvif_ros.node.client import Answer, Answers, declare, run_node
from mtvif_ros.pairing.stamps import NANOSECONDS, header_stamp, in_ns
from mtvif_ros.pairing.synchronizer import Stream, Synchronizer

PARAMETERS: dict[str, Any] = {
    "fusion_node": "fusion_node",
    "translation": [0.0, 0.0, 0.0],
    "rotation": [0.5, -0.5, 0.5, 0.5],  # of a lidar that looks ahead like the camera, z up
    "rectified": False,  # whether the fusion node takes rectified images
    "slop": 0.05,  # largest distance of the stamps of mask and cloud, in s
}


def labels_of(points: Points, mask: Image, lens: Lens, pose: Pose) -> Image:
    """Return the mask's value (N,) at points (N, 3) in m, 255 at those that the camera does not see.

    mask (H, W) may be scaled from the lens's size, as by a camera that bins pixels; the pose brings points
    into the camera's optical frame.
    """
    height, width = mask.shape
    share = np.array((width, height)) / lens.size
    pixels = lens.seen(points @ pose.rotation_matrix().T + pose.translation) * share + (share - 1) / 2
    column, row = np.rint(pixels).T
    seen = (column >= 0) & (column < width) & (row >= 0) & (row < height)  # false for NaN
    labels = np.full(len(points), IGNORE, np.uint8)
    labels[seen] = mask[row[seen].astype(int), column[seen].astype(int)]
    return labels


class PaintCloudNode(Node):
    """Publish `mtvif/points` for each cloud on `points` that has a mask within `slop`."""

    def __init__(self, **options: Any):
        super().__init__("paint_cloud", **options)
        given = declare(self, PARAMETERS)
        x, y, z, w = given.rotation
        shift = Vector3(**dict(zip("xyz", given.translation)))
        self._pose = pose_of(Transform(translation=shift, rotation=Quaternion(x=x, y=y, z=z, w=w)))
        self._info: CameraInfo | None = None
        self._image = "image_rect" if given.rectified else "image_raw"
        self._pairs = Synchronizer[Any](in_ns(given.slop), max_wait=NANOSECONDS)
        self._publisher = self.create_publisher(PointCloud2, "mtvif/points", 10)
        self._answers = Answers(self, given.fusion_node, lambda answer: self._add(Stream.RGB, answer))
        for kind, topic, take in (
            (PointCloud2, "points", lambda cloud: self._add(Stream.IR, cloud)),
            (CameraInfo, topics.CAMERA_INFO, self._take_info),
        ):
            self.create_subscription(kind, topic, take, qos_profile_sensor_data)

    def _take_info(self, info: CameraInfo) -> None:
        self._info = info

    def _add(self, stream: Stream, item: Answer | PointCloud2) -> None:
        for pair in self._pairs.add(stream, header_stamp(item), item, time.monotonic_ns()):
            self._paint(pair.rgb, pair.ir)

    def _paint(self, answer: Answer, cloud: PointCloud2) -> None:
        if self._info is None:
            self.get_logger().warning(f"{topics.CAMERA_INFO}: has not come", throttle_duration_sec=10.0)
            return
        try:
            labels = labels_of(read_points(cloud), answer.mask, lens_of(self._info, self._image), self._pose)
            self._publisher.publish(with_colours(cloud, colour_table(answer.colours)[labels], labels))
        except ValueError as error:
            self.get_logger().error(f"no painted cloud: {error}", throttle_duration_sec=10.0)


if __name__ == "__main__":
    sys.exit(run_node("paint_cloud", PaintCloudNode))

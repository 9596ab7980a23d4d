"""Lay infrared onto visible pixels as the parameters say: by a homography, or through both lenses."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo

from mtvif_ros import topics
from mtvif_ros.image import AnyImage
from mtvif_ros.imaging.lenses import Lens, LensError, LensRegistration, Pose, lens_of, pose_of, read_pose
from mtvif_ros.imaging.registration import Registration, read_registration
from mtvif_ros.imaging.resize import WidthHeight
from mtvif_ros.node.parameters import Calibration

HOMOGRAPHY, LENSES = "homography", "lenses"


class Aligner:
    """Warp infrared as a Registration does; listen to both camera_info and to tf only where that needs them.

    Until they have come, the homography counts. Raises ValueError for a file or values that cannot be used.
    """

    def __init__(self, node: Node, values: Calibration):
        self._node = node
        self._is_open = False
        self._subscriptions: list[Any] = []
        self._infos: dict[str, CameraInfo] = {}
        self._poses: dict[tuple[str, str], Pose] = {}  # that tf had, by visible and infrared frame_id
        self._buffer: Any = None
        self._listener: Any = None
        self._through: LensRegistration | None = None
        self._missing = self._told = ""
        self._take(values)

    def __call__(self, ir: AnyImage, visible_size: WidthHeight, size: WidthHeight) -> AnyImage:
        """Warp `ir` (h, w) onto a visible frame of `visible_size` (width, height), scaled to `size`."""
        through = self._through  # the executor may take it away
        if through is not None:
            return through(ir, visible_size, size)
        if self._values.distance and self._told != self._missing:
            self._told = self._missing
            words = f"registration.distance: {self._told}; until then the homography counts"
            self._node.get_logger().warning(words)
        return self._plain(ir, visible_size, size)

    @property
    def by(self) -> str:
        """How infrared is laid on now: HOMOGRAPHY or LENSES."""
        return HOMOGRAPHY if self._through is None else LENSES

    def adopt(self, values: Calibration) -> None:
        """Take over new values, or raise ValueError and keep the old ones."""
        self._take(values)
        if self._is_open:
            self.open()

    def open(self) -> None:
        """Listen, if `registration.distance` is set."""
        self._is_open = True
        if not self._values.distance:
            self._stop()
        elif not self._subscriptions:
            for topic in (topics.RGB, topics.IR):
                name = topics.companion(self._node, topic, topics.camera_info)
                hear = partial(self._hear, topic)
                self._subscriptions.append(
                    self._node.create_subscription(CameraInfo, name, hear, qos_profile_sensor_data)
                )
            self._listen_to_tf()
        self._update()

    def close(self) -> None:
        """Stop listening; what is known stays."""
        self._is_open = False
        self._stop()

    def _take(self, values: Calibration) -> None:
        # The file is read even under the name that it had: its content may be new.
        path = Path(values.file) if values.file else None
        plain = read_registration(path) if path else Registration(values.homography)
        pose = read_pose(path) if path else None
        self._values, self._plain, self._pose = values, plain, pose
        self._update()

    def _stop(self) -> None:
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())
        if self._listener is not None:
            self._listener.unregister()
            self._listener = self._buffer = None

    def _listen_to_tf(self) -> None:
        try:
            from tf2_ros import Buffer, TransformListener
        except ModuleNotFoundError:
            return
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, self._node)

    def _hear(self, topic: str, info: CameraInfo) -> None:
        self._infos[topic] = info
        self._update()

    def _update(self) -> None:
        """Renew the mapping; its table is made anew only if something has changed."""
        try:
            self._through = self._lenses() if self._values.distance else None
        except LensError as error:
            self._through, self._missing = None, str(error)

    def _lenses(self) -> LensRegistration:
        visible, infrared = self._lens(topics.RGB), self._lens(topics.IR)
        if (name := self._name_of_info(topics.RGB)) == self._name_of_info(topics.IR):
            raise LensError(
                f"{name}: is beside both image topics; remap {topics.camera_info(topics.RGB)} or "
                f"{topics.camera_info(topics.IR)}"
            )
        return LensRegistration(visible, infrared, self._pose or self._pose_of_tf(), self._values.distance)

    def _name_of_info(self, topic: str) -> str:
        return self._node.resolve_topic_name(topics.companion(self._node, topic, topics.camera_info))

    def _lens(self, topic: str) -> Lens:
        name = self._name_of_info(topic)
        if topic not in self._infos:
            raise LensError(f"{name}: has not come; let the camera's driver publish it")
        try:
            return lens_of(self._infos[topic], self._node.resolve_topic_name(topic))
        except LensError as error:
            raise LensError(f"{name}: {error}") from error

    def _pose_of_tf(self) -> Pose:
        source, target = (self._infos[topic].header.frame_id for topic in (topics.RGB, topics.IR))
        if self._buffer is None:
            raise LensError("the cameras' pose is unknown; set registration.file, or install tf2_ros")
        from rclpy.time import Time
        from tf2_ros import TransformException

        try:
            transform = self._buffer.lookup_transform(target, source, Time()).transform
            self._poses[source, target] = pose_of(transform)
        except TransformException as error:
            if (source, target) in self._poses:  # a new buffer is empty for a moment
                return self._poses[source, target]
            raise LensError(
                f"tf does not lead from {source!r} to {target!r}; publish it, or set registration.file: "
                f"{error}"
            ) from error
        return self._poses[source, target]

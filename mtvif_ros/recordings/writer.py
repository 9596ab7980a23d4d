"""Write frames of two cameras as a rosbag2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.frames import BagFrame
from mtvif_ros.recordings.timing import Moment, Shot

RGB_TOPIC, IR_TOPIC, LABEL_TOPIC = "/rgb/image_raw", "/ir/image_raw", "/labels/image_raw"
RGB_FRAME_ID, IR_FRAME_ID = "rgb_camera", "ir_camera"
STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}

_STORE = get_typestore(Stores.ROS2_JAZZY)
_IMAGE, _CAMERA_INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"


class PairBagWriter:
    """Write a bag with both cameras' images and camera_info, and labels on a topic of their own.

    Use it as a context manager. `matrix` is the camera matrix K of both cameras; without it the
    camera_info says that they are not calibrated. Raises FileExistsError where `path` exists and
    ValueError for an unknown storage.
    """

    def __init__(self, path: Path, storage: str = "mcap", matrix: npt.NDArray[np.float64] | None = None):
        if storage not in STORAGES:
            raise ValueError(f"storage: {storage!r} is unknown; choose one of {sorted(STORAGES)}")
        if path.exists():
            raise FileExistsError(f"{path}: exists already; remove it or choose another name")
        # Version 8 is read by rosbag2 from Humble to Kilted; Humble stumbles over 9.
        self._writer = Writer(path, version=8, storage_plugin=STORAGES[storage])
        self._matrix = np.zeros((3, 3)) if matrix is None else matrix
        self._connections: dict[str, Any] = {}

    def __enter__(self) -> PairBagWriter:
        self._writer.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, frame: BagFrame, moment: Moment) -> None:
        """Write what the cameras took of one frame, in the order in which it was received."""
        shots: list[tuple[Shot | None, str, str, npt.NDArray[np.uint8], str]] = [
            (moment.rgb, RGB_TOPIC, RGB_FRAME_ID, frame.rgb, "rgb8"),
            (moment.ir, IR_TOPIC, IR_FRAME_ID, frame.ir, "mono8"),
        ]
        if frame.mask is not None:
            shots.insert(1, (moment.rgb, LABEL_TOPIC, RGB_FRAME_ID, frame.mask, "mono8"))
        for shot, topic, frame_id, pixels, encoding in sorted(shots, key=_when_received):
            if shot is not None:
                self._write_image(shot, topic, frame_id, pixels, encoding)

    def _write_image(
        self, shot: Shot, topic: str, frame_id: str, pixels: npt.NDArray[np.uint8], encoding: str
    ) -> None:
        types = _STORE.types
        stamp = types["builtin_interfaces/msg/Time"](shot.stamp // NANOSECONDS, shot.stamp % NANOSECONDS)
        header = types["std_msgs/msg/Header"](stamp, frame_id)
        height, width = pixels.shape[:2]
        data = np.ascontiguousarray(pixels).reshape(-1)
        image = types[_IMAGE](header, height, width, encoding, 0, data.size // height, data)
        self._put(topic, _IMAGE, image, shot.received)
        if topic != LABEL_TOPIC:
            info_topic = topic.replace("image_raw", "camera_info")
            info = self._camera_info(header, height, width)
            self._put(info_topic, _CAMERA_INFO, info, shot.received)

    def _camera_info(self, header: Any, height: int, width: int) -> Any:
        types = _STORE.types
        projection = np.hstack((self._matrix, np.zeros((3, 1))))
        no_region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        return types[_CAMERA_INFO](
            header,
            height,
            width,
            "plumb_bob",
            np.zeros(5),
            self._matrix.reshape(9),
            np.eye(3).reshape(9),
            projection.reshape(12),
            0,
            0,
            no_region,
        )

    def _put(self, topic: str, kind: str, message: Any, received: int) -> None:
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=_STORE)
        raw = _STORE.serialize_cdr(message, kind)
        self._writer.write(self._connections[topic], received, raw)


def _when_received(entry: tuple[Any, ...]) -> int:
    shot: Shot | None = entry[0]
    return 0 if shot is None else shot.received

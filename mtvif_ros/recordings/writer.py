"""Write the frames of two cameras as a rosbag2."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mtvif_ros.image import AnyImage, Image
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.reader import IMAGE, message_types
from mtvif_ros.recordings.timing import Moment, Shot
from mtvif_ros.topics import IR, LABELS, RGB, absolute, camera_info

RGB_TOPIC, IR_TOPIC, LABEL_TOPIC = (absolute(topic) for topic in (RGB, IR, LABELS))
RGB_FRAME_ID, IR_FRAME_ID = "rgb_camera", "ir_camera"
STORAGES = ("mcap", "sqlite3")

_CAMERA_INFO = "sensor_msgs/msg/CameraInfo"


class BagFrame(NamedTuple):
    """Hold rgb (H, W, 3), ir (H, W) and, where there are labels, the class mask (H, W).

    All are uint8; ir may be uint16.
    """

    rgb: Image
    ir: AnyImage
    mask: Image | None


class PairBagWriter:
    """Write images and camera_info of both cameras, and class masks on a topic of their own.

    Use it as a context manager; an error inside removes what is written of the bag. `matrix` is the camera
    matrix K (3, 3) of both cameras; without it the camera_info is that of uncalibrated cameras. Raises
    FileExistsError if `path` exists and ValueError for an unknown storage and a path that it cannot have.
    """

    def __init__(self, path: Path, storage: str = "mcap", matrix: npt.NDArray[np.float64] | None = None):
        from rosbags.rosbag2 import StoragePlugin, Writer

        if storage not in STORAGES:
            raise ValueError(f"storage: {storage!r} is unknown; choose one of {', '.join(STORAGES)}")
        if path.exists():
            raise FileExistsError(f"{path}: exists already; remove it or choose another name")
        # The writer of rosbags takes the path for a URI and would put the messages elsewhere.
        if storage == "sqlite3" and set(str(path)) & set("#%?"):
            raise ValueError(f"{path}: sqlite3 needs a path without #, % and ?; rename it or choose mcap")
        # rosbag2 from Humble to Kilted reads version 8; Humble rejects version 9.
        self._path = path
        self._writer = Writer(path, version=8, storage_plugin=StoragePlugin[storage.upper()])
        self._matrix = np.zeros((3, 3)) if matrix is None else matrix
        self._connections: dict[str, Any] = {}
        self._store = message_types()

    def __enter__(self) -> PairBagWriter:
        self._writer.open()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self._writer.close()
        finally:
            if kind is not None:
                shutil.rmtree(self._path)

    def write(self, frame: BagFrame, moment: Moment) -> None:
        """Write one frame of both cameras in the order of arrival, without what a camera dropped."""
        infrared = "mono16" if frame.ir.dtype == np.uint16 else "mono8"
        shots: list[tuple[Shot | None, str, str, AnyImage, str]] = [
            (moment.rgb, RGB_TOPIC, RGB_FRAME_ID, frame.rgb, "rgb8"),
            (moment.ir, IR_TOPIC, IR_FRAME_ID, frame.ir, infrared),
        ]
        if frame.mask is not None:
            shots.insert(1, (moment.rgb, LABEL_TOPIC, RGB_FRAME_ID, frame.mask, "mono8"))
        for shot, topic, frame_id, pixels, encoding in sorted(shots, key=_when_received):
            if shot is not None:
                self._write_image(shot, topic, frame_id, pixels, encoding)

    def _write_image(self, shot: Shot, topic: str, frame_id: str, pixels: AnyImage, encoding: str) -> None:
        types = self._store.types
        stamp = types["builtin_interfaces/msg/Time"](shot.stamp // NANOSECONDS, shot.stamp % NANOSECONDS)
        header = types["std_msgs/msg/Header"](stamp, frame_id)
        height, width = pixels.shape[:2]
        stored = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)  # is_bigendian is 0
        data = np.ascontiguousarray(stored).reshape(-1).view(np.uint8)
        image = types[IMAGE](header, height, width, encoding, 0, data.size // height, data)
        self._put(topic, IMAGE, image, shot.received)
        if topic != LABEL_TOPIC:
            info = self._camera_info(header, height, width)
            self._put(camera_info(topic), _CAMERA_INFO, info, shot.received)

    def _camera_info(self, header: Any, height: int, width: int) -> Any:
        types = self._store.types
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
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=self._store)
        raw = self._store.serialize_cdr(message, kind)
        self._writer.write(self._connections[topic], received, raw)


def _when_received(entry: tuple[Any, ...]) -> int:
    shot: Shot | None = entry[0]
    return 0 if shot is None else shot.received

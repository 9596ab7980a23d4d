"""Read from a recording's camera_info and tf how its infrared lies on its visible pixels."""

from __future__ import annotations

from collections import deque
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mtvif_ros.imaging.lenses import Lens, LensError, LensRegistration, Pose, lens_of, pose_of, read_pose
from mtvif_ros.imaging.registration import Registration, read_registration
from mtvif_ros.recordings.reader import BagReader
from mtvif_ros.topics import camera_info, compressed

CAMERA_INFO, TF = "sensor_msgs/msg/CameraInfo", "tf2_msgs/msg/TFMessage"

_MOST = 2000  # messages of tf: a rig is not announced later


class RecordedCamera(NamedTuple):
    """Hold a camera's lens and the frame_id of its optical frame."""

    lens: Lens
    frame_id: str


def read_mapping(
    bag: BagReader, topics: tuple[str, str], file: Path | None, distance: float | None
) -> Registration | LensRegistration:
    """Return how infrared is laid onto visible pixels, as the node's parameters `registration.…` do it.

    Without a `distance` in m that is the homography of `file`, or none; otherwise it goes through the lenses
    of the bag's camera_info and the pose of `file` or of the bag's tf. Raises LensError for what is missing,
    and what read_registration raises.
    """
    if not distance:
        return read_registration(file) if file else Registration()
    visible, infrared = read_cameras(bag, topics)
    if visible is None or infrared is None:
        missing = _info_topic(topics[0] if visible is None else topics[1])
        raise LensError(f"{missing}: is not in bag {bag.path}; leave --distance out")
    pose = (read_pose(file) if file else None) or read_tf(bag, visible.frame_id, infrared.frame_id)
    if pose is None:
        raise LensError(
            f"bag {bag.path}: its tf does not lead from {visible.frame_id!r} to {infrared.frame_id!r}; give "
            "a --registration with a pose"
        )
    return LensRegistration(visible.lens, infrared.lens, pose, distance)


def read_cameras(
    bag: BagReader, topics: tuple[str, str]
) -> tuple[RecordedCamera | None, RecordedCamera | None]:
    """Return both cameras as read_camera does. Raises LensError, too, where one camera_info is for both."""
    visible, infrared = (read_camera(bag, topic) for topic in topics)
    if visible is not None and (info := _info_topic(topics[0])) == _info_topic(topics[1]):
        raise LensError(f"{info}: is beside both image topics, so that nobody knows whose lens it describes")
    return visible, infrared


def read_camera(bag: BagReader, topic: str) -> RecordedCamera | None:
    """Return the camera that sends images on `topic`, None where its camera_info is not recorded.

    Raises LensError, naming the topic, for a camera that is not calibrated.
    """
    info = _info_topic(topic)
    record = next((record for record in bag.others(CAMERA_INFO) if record.topic == info), None)
    if record is None:
        return None
    message = record.message()
    try:
        return RecordedCamera(lens_of(message, _raw(topic)), message.header.frame_id)
    except LensError as error:
        raise LensError(f"{info}: {error}") from error


def read_tf(bag: BagReader, source: str, target: str) -> Pose | None:
    """Return the pose that takes points of the frame `source` to `target`, None where tf lacks it."""
    ways: dict[str, dict[str, Any]] = {}
    for record in islice(bag.others(TF), _MOST):
        for one in record.message().transforms:
            step = np.eye(4)
            pose = pose_of(one.transform)
            step[:3, :3], step[:3, 3] = pose.rotation_matrix(), pose.translation
            # It takes points of the child to the parent.
            parent, child = one.header.frame_id, one.child_frame_id
            ways.setdefault(child, {})[parent] = step
            ways.setdefault(parent, {})[child] = np.linalg.inv(step)
    reached, waiting = {source: np.eye(4)}, deque([source])
    while waiting:
        here = waiting.popleft()
        for there, step in ways.get(here, {}).items():
            if there not in reached:
                reached[there] = step @ reached[here]
                waiting.append(there)
    if target not in reached:
        return None
    whole = reached[target]
    return Pose(tuple(whole[:3, :3].ravel().tolist()), tuple(whole[:3, 3].tolist()))


def _raw(topic: str) -> str:
    return topic.removesuffix(compressed(""))


def _info_topic(topic: str) -> str:
    return camera_info(_raw(topic))

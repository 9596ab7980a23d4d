"""Read the cameras' lenses and their pose from the camera_info and tf of a recording."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from mtvif_ros.imaging.lenses import Lens, LensError, Pose, lens_of, pose_of
from mtvif_ros.recordings.reader import BagReader
from mtvif_ros.topics import camera_info, compressed

CAMERA_INFO, TF = "sensor_msgs/msg/CameraInfo", "tf2_msgs/msg/TFMessage"

_MOST = 2000  # messages of tf: a rig is not announced later


class Eye(NamedTuple):
    """Hold a camera's lens and the name of its optical frame."""

    lens: Lens
    frame: str


def read_eye(bag: BagReader, topic: str) -> Eye | None:
    """Return the camera that sends images on `topic`, None where its camera_info is not recorded.

    Raises LensError, naming the topic, for a camera that is not calibrated.
    """
    raw = topic.removesuffix(compressed(""))
    info = camera_info(raw)
    for record in bag.others(CAMERA_INFO):
        if record.topic == info:
            message = record.message()
            try:
                return Eye(lens_of(message, raw), message.header.frame_id)
            except LensError as error:
                raise LensError(f"{info}: {error}") from error
    return None


def read_tf(bag: BagReader, source: str, target: str) -> Pose | None:
    """Return the pose that takes points of the frame `source` to `target`, None where tf lacks it."""
    ways: dict[str, dict[str, Any]] = {}
    for record in islice(bag.others(TF), _MOST):
        for one in record.message().transforms:
            step = np.eye(4)
            pose = pose_of(one.transform)
            step[:3, :3], step[:3, 3] = pose.turn(), pose.translation
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

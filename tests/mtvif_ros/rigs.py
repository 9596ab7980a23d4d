"""Two cameras with known lenses before a wall."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.imaging.lenses import Lens, Pose
from mtvif_ros.recordings.reader import IMAGE, message_types
from mtvif_ros.recordings.rig import CAMERA_INFO, TF
from tests.mtvif_ros.recordings.tiny import BEGIN, IR, MS, RGB, Shot, image, write_messages

VISIBLE = Lens(
    (320, 240), (260.0, 0, 162.0, 0, 262.0, 118.0, 0, 0, 1), "plumb_bob", (-0.2, 0.05, 1e-3, -1e-3, 0)
)
INFRARED = Lens((256, 192), (230.0, 0, 126.0, 0, 230.0, 97.0, 0, 0, 1), "equidistant", (0.02, -0.01, 0, 0))
SHIFT = (-0.12, 0.02, 0.01)  # m


def turned(x: float, y: float, z: float) -> Pose:
    """The infrared camera beside the visible one, turned by so many degrees about each axis."""
    matrix, _ = cv2.Rodrigues(np.radians((x, y, z)))
    return Pose(tuple(np.asarray(matrix, float).ravel().tolist()), SHIFT)


def wall(seed: int = 0) -> Image:
    """A picture of 12 m by 9 m, 100 px/m, full of edges."""
    rng = np.random.default_rng(seed)
    picture = np.full((900, 1200), 120, np.uint8)
    for _ in range(500):
        corner, size = rng.uniform(0, (1200, 900)), rng.uniform(10, 90, 2)
        value = int(rng.integers(20, 235))
        first, last = (tuple(int(side) for side in point) for point in (corner, corner + size))
        cv2.rectangle(picture, first, last, value, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5), np.uint8)


def view(lens: Lens, picture: Image, distance: float, pose: Pose | None = None) -> Image:
    """What a camera sees of a wall `distance` m ahead of the visible camera; `pose` is the infrared one's."""
    across, down = np.meshgrid(*(np.arange(side, dtype=float) for side in lens.size))
    rays = lens.rays(np.stack((across.ravel(), down.ravel()), axis=1))
    seen = pose or Pose()
    directions = np.column_stack((rays, np.ones(len(rays)))) @ seen.rotation_matrix()
    origin = -seen.rotation_matrix().T @ seen.translation
    hits = origin + directions * ((distance - origin[2]) / directions[:, 2])[:, None]
    x, y = ((hits[:, k] * 100 + (600, 450)[k]).astype(np.float32).reshape(down.shape) for k in (0, 1))
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)


def wall_bag(path: Path, distance: float, pose: Pose) -> Path:
    """Four mono8 pairs of a wall `distance` m ahead, both camera_info, and a tf that knows no rotation."""
    messages: list[tuple[str, str, Any]] = []
    for number in range(4):
        stamp, picture = BEGIN + number * 100 * MS, wall(number)
        light, heat = view(VISIBLE, picture, distance), 255 - view(INFRARED, picture, distance, pose)
        messages += [(RGB, IMAGE, grey(light, stamp)), (IR, IMAGE, grey(heat, stamp))]
    backwards = (-SHIFT[0], -SHIFT[1], -SHIFT[2])
    messages += [
        ("/rgb/camera_info", CAMERA_INFO, info(VISIBLE, "light")),
        ("/ir/camera_info", CAMERA_INFO, info(INFRARED, "heat")),
        ("/tf_static", TF, message_types().types[TF]([transform("light", "heat", backwards)])),
    ]
    return write_messages(path, messages)


def grey(pixels: Image, stamp: int) -> Any:
    """A mono8 message."""
    message = image(Shot(RGB, stamp, stamp, "mono8"), (pixels.shape[0], pixels.shape[1]))
    message.data[:] = pixels.ravel()
    return message


def header(frame: str) -> Any:
    types = message_types().types
    return types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](1, 0), frame)


def info(lens: Lens, frame: str) -> Any:
    types = message_types().types
    region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    coefficients, matrix = np.array(lens.coefficients), np.array(lens.matrix)
    rest = (np.eye(3).ravel(), np.zeros(12), 0, 0, region)
    return types[CAMERA_INFO](header(frame), *lens.size[::-1], lens.model, coefficients, matrix, *rest)


def transform(parent: str, child: str, shift: tuple[float, float, float], z: float = 0.0) -> Any:
    """The child's place in its parent, turned by z degrees about the z axis."""
    types = message_types().types
    half = np.radians(z) / 2
    turn = types["geometry_msgs/msg/Quaternion"](0.0, 0.0, np.sin(half), np.cos(half))
    moved = types["geometry_msgs/msg/Transform"](types["geometry_msgs/msg/Vector3"](*shift), turn)
    return types["geometry_msgs/msg/TransformStamped"](header(parent), child, moved)

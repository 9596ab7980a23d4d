from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, PointCloud2

from examples.paint_cloud import PARAMETERS, PaintCloudNode, labels_of
from mtvif_ros.classes import STREET
from mtvif_ros.imaging.codec import read_grey
from mtvif_ros.imaging.lenses import Lens, Pose, lens_of
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.synthetic import Frame
from tests.examples.street import CAMERA, CAR, PERSON, mask_of
from tests.mtvif_ros.imaging.test_clouds import cloud_of, rows_of
from tests.mtvif_ros.node.cameras import PATIENCE, Cameras, ros_arguments

LENS = Lens((CAMERA.width, CAMERA.height), tuple(CAMERA.matrix().ravel()))
TWICE = np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5], [0.0, 0.0, 1.0]])  # to pixels of half the side
FINE = Lens((2 * CAMERA.width, 2 * CAMERA.height), tuple((TWICE @ CAMERA.matrix()).ravel()))
AHEAD = (0.0, -1.0, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0)  # from x ahead, z up to the optical frame


@pytest.mark.parametrize("lens", [LENS, FINE], ids=["whole", "binned"])
def test_points_take_the_class_of_what_the_scene_has_there(lens: Lens) -> None:
    mask = mask_of((PERSON, -2.0, 8.0), (CAR, 1.5, 12.0))
    raised = 0.4  # of the lidar above the camera, in m
    points = np.array(
        [
            (8.0, 2.0, 1.2 - 1.5 - raised),  # ahead, left and up: the person's chest
            (12.0, -1.5, 0.7 - 1.5 - raised),  # the car's rear
            (9.0, -4.0, -1.5 - raised),  # road
            (-8.0, 2.0, 0.0),  # behind
            (5.0, 9.0, 0.0),  # outside of the picture
            (np.nan, np.nan, np.nan),
        ]
    )
    labels = labels_of(points, mask, lens, Pose(AHEAD, (0.0, -raised, 0.0)))
    assert labels.tolist() == [2, 1, 0, 255, 255, 255]


Running = Callable[..., AbstractContextManager[FusionNode]]


@pytest.mark.parametrize("rectified", [False, True])
def test_the_node_paints_the_cloud_of_the_nearest_mask(
    rectified: bool, cameras: Cameras, running: Running, small_frame: Frame, rng: np.random.Generator
) -> None:
    clouds: list[PointCloud2] = []
    cameras.node.create_subscription(PointCloud2, "mtvif/points", clouds.append, 10)
    send_info = cameras.node.create_publisher(CameraInfo, "rgb/camera_info", 10).publish
    send_cloud = cameras.node.create_publisher(PointCloud2, "points", 10).publish
    k = [72.0, 0.0, 40.0, 0.0, 72.0, 26.0, 0.0, 0.0, 1.0]
    p = [60.0, 0.0, 38.0, 0.0, 0.0, 60.0, 27.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    distortion = [-0.2, 0.1, 0.0, 0.0, 0.0]
    info = CameraInfo(width=80, height=60, k=k, p=p, distortion_model="plumb_bob", d=distortion)
    lens = lens_of(info, "image_rect" if rectified else "image_raw")
    points = np.column_stack((rng.uniform(-5, 20, 300), rng.uniform(-5, 5, (300, 2))))
    node = PaintCloudNode(context=cameras.context, cli_args=ros_arguments({"rectified": rectified}))
    cameras.executor.add_node(node)
    with running():
        for _ in range(int(PATIENCE)):
            stamp = cameras.next_stamp()
            send_info(info)
            cloud = cloud_of(points)
            cloud.header.frame_id, cloud.header.stamp.sec, cloud.header.stamp.nanosec = (
                "lidar",
                stamp,
                20_000_000,
            )
            send_cloud(cloud)
            cameras.send(small_frame, stamp)
            if cameras.spin_until(partial(len, clouds), 1.0):
                break
    cameras.executor.remove_node(node)
    node.destroy_node()
    (painted,) = clouds[-1:]
    assert (painted.header.frame_id, painted.header.stamp.nanosec) == ("lidar", 20_000_000)
    (mask,) = (one for one in cameras.masks if one.header.stamp.sec == painted.header.stamp.sec)
    expected = labels_of(points, read_grey(mask), lens, Pose(AHEAD))
    found = rows_of(painted)
    np.testing.assert_array_equal(found["label"], expected)
    assert set(expected) == {0, 1, 255}
    colours = {0: STREET[0].rgb, 1: STREET[1].rgb, 255: (128, 128, 128)}
    wanted = [(red << 16) + (green << 8) + blue for red, green, blue in (colours[one] for one in expected)]
    np.testing.assert_array_equal(found["rgb"].copy().view(np.uint32), wanted)


def test_the_default_pose_is_that_of_a_lidar_that_looks_ahead(cameras: Cameras) -> None:
    node = PaintCloudNode(context=cameras.context, cli_args=ros_arguments({}))
    np.testing.assert_allclose(node._pose.rotation, AHEAD, atol=1e-12)
    node.destroy_node()
    assert PARAMETERS["translation"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("given", "told"),
    [({"rotation": [1.0, 0.0]}, "rotation: [1.0, 0.0] is not 4 finite numbers"), ({"slop": 0.0}, "slop: ")],
)
def test_wrong_values_are_told_by_parameter(cameras: Cameras, given: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError) as refusal:
        PaintCloudNode(context=cameras.context, cli_args=ros_arguments(given))
    assert str(refusal.value).startswith(told)

from pathlib import Path
from typing import Any

import pytest
import yaml

from mtvif_ros.imaging.lenses import LensError, LensRegistration, Pose, pose_values
from mtvif_ros.imaging.registration import Registration
from mtvif_ros.recordings.reader import IMAGE, BagReader, message_types
from mtvif_ros.recordings.rig import CAMERA_INFO, TF, RecordedCamera, read_camera, read_mapping, read_tf
from tests.mtvif_ros.recordings.tiny import RGB, Shot, image, write_messages
from tests.mtvif_ros.rigs import INFRARED, VISIBLE, info, transform


def write_rig(path: Path, messages: list[tuple[str, str, Any]]) -> Path:
    """A bag of one image and of what else is given."""
    return write_messages(path, [(RGB, IMAGE, image(Shot(RGB, 1, 1))), *messages])


def test_both_lenses_are_read_from_camera_info(tmp_path: Path) -> None:
    messages = [
        ("/cam/camera_info", CAMERA_INFO, info(VISIBLE, "light")),
        ("/heat/camera_info", CAMERA_INFO, info(INFRARED, "heat")),
    ]
    with BagReader(write_rig(tmp_path / "bag", messages)) as bag:
        assert read_camera(bag, "/cam/image_raw/compressed") == RecordedCamera(VISIBLE, "light")
        assert read_camera(bag, "/heat/image_raw") == RecordedCamera(INFRARED, "heat")
        assert read_camera(bag, "/other/image_raw") is None


def test_a_camera_that_is_not_calibrated_is_named(tmp_path: Path) -> None:
    message = info(VISIBLE, "light")
    message.k[:] = 0
    path = write_rig(tmp_path / "bag", [("/cam/camera_info", CAMERA_INFO, message)])
    with BagReader(path) as bag, pytest.raises(LensError, match="/cam/camera_info: is not calibrated"):
        read_camera(bag, "/cam/image_raw")


def test_one_camera_info_is_not_taken_for_that_of_two_cameras(tmp_path: Path) -> None:
    path = write_rig(tmp_path / "bag", [("/duo/camera_info", CAMERA_INFO, info(VISIBLE, "duo"))])
    with (
        BagReader(path) as bag,
        pytest.raises(LensError, match="/duo/camera_info: is beside both image topics"),
    ):
        read_mapping(bag, ("/duo/visible", "/duo/thermal/compressed"), None, 5.0)


def test_the_pose_is_read_from_a_chain_of_tf(tmp_path: Path) -> None:
    types = message_types().types
    chain = [
        transform("base", "light", (0.0, 0.1, 0.0), 90.0),
        transform("base", "mast", (0.0, 0.0, 1.0)),
        transform("mast", "heat", (0.5, 0.0, -1.0)),
    ]
    messages = [("/tf_static", TF, types[TF]([one])) for one in chain]
    with BagReader(write_rig(tmp_path / "bag", messages)) as bag:
        pose = read_tf(bag, "light", "heat")
        assert read_tf(bag, "light", "moon") is None
    assert pose is not None
    assert pose.rotation_matrix() @ (1.0, 0.0, 2.0) + pose.translation == pytest.approx((-0.5, 1.1, 2.0))


LIGHT, HEAT = "/cam/image_raw", "/heat/image_raw"
LENSES = [
    ("/cam/camera_info", CAMERA_INFO, info(VISIBLE, "light")),
    ("/heat/camera_info", CAMERA_INFO, info(INFRARED, "heat")),
]


def test_infrared_is_mapped_through_the_lenses_for_a_distance(tmp_path: Path) -> None:
    tf = message_types().types[TF]([transform("light", "heat", (0.5, 0.0, 0.0))])
    with BagReader(write_rig(tmp_path / "bag", [*LENSES, ("/tf_static", TF, tf)])) as bag:
        assert read_mapping(bag, (LIGHT, HEAT), None, None) == Registration()
        mapping = read_mapping(bag, (LIGHT, HEAT), None, 7.0)
        pose = Pose(translation=(-0.5, 0.0, 0.0))
        assert mapping == LensRegistration(VISIBLE, INFRARED, pose, 7.0)
        given = tmp_path / "pose.yaml"
        given.write_text(yaml.safe_dump(pose_values(Pose(translation=(0.1, 0.2, 0.3)))))
        mapping = read_mapping(bag, (LIGHT, HEAT), given, 7.0)
        assert isinstance(mapping, LensRegistration) and mapping.pose.translation == (0.1, 0.2, 0.3)


def test_lenses_or_a_pose_that_a_recording_lacks_are_named(tmp_path: Path) -> None:
    with (
        BagReader(write_rig(tmp_path / "bag", LENSES[:1])) as bag,
        pytest.raises(LensError, match=r"/heat/camera_info: is not in bag .*; leave --distance out"),
    ):
        read_mapping(bag, (LIGHT, HEAT), None, 7.0)
    with (
        BagReader(write_rig(tmp_path / "more", LENSES)) as bag,
        pytest.raises(LensError, match="tf does not lead from 'light' to 'heat'; give a --registration"),
    ):
        read_mapping(bag, (LIGHT, HEAT), None, 7.0)


def test_images_are_still_read(tmp_path: Path) -> None:
    message = info(VISIBLE, "light")
    with BagReader(write_rig(tmp_path / "bag", [("/rgb/camera_info", CAMERA_INFO, message)])) as bag:
        assert [record.topic for record in bag.records()] == [RGB]

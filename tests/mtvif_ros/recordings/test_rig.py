from pathlib import Path
from typing import Any

import pytest

from mtvif_ros.imaging.lenses import LensError
from mtvif_ros.recordings.reader import IMAGE, BagReader, message_types
from mtvif_ros.recordings.rig import CAMERA_INFO, TF, Eye, read_eye, read_tf
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
        assert read_eye(bag, "/cam/image_raw/compressed") == Eye(VISIBLE, "light")
        assert read_eye(bag, "/heat/image_raw") == Eye(INFRARED, "heat")
        assert read_eye(bag, "/other/image_raw") is None


def test_a_camera_that_is_not_calibrated_is_named(tmp_path: Path) -> None:
    message = info(VISIBLE, "light")
    message.k[:] = 0
    path = write_rig(tmp_path / "bag", [("/cam/camera_info", CAMERA_INFO, message)])
    with BagReader(path) as bag, pytest.raises(LensError, match="/cam/camera_info: is not calibrated"):
        read_eye(bag, "/cam/image_raw")


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
    assert pose.turn() @ (1.0, 0.0, 2.0) + pose.translation == pytest.approx((-0.5, 1.1, 2.0))


def test_images_are_still_read(tmp_path: Path) -> None:
    message = info(VISIBLE, "light")
    with BagReader(write_rig(tmp_path / "bag", [("/rgb/camera_info", CAMERA_INFO, message)])) as bag:
        assert [record.topic for record in bag.records()] == [RGB]

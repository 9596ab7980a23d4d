"""What subscribers learn of the things that the mask shows."""

import pytest
from std_msgs.msg import Header

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.imaging.regions import Region
from mtvif_ros.node.detections import detections_message, message_type, temperatures_text

PERSON = Region(2, left=30, top=40, width=20, height=31, area=500, score=0.9, warmest=36.512, median=31.0)


def test_temperatures_are_json_and_absent_where_they_are_unknown() -> None:
    assert temperatures_text(PERSON) == '{"warmest": 36.51, "median": 31.0}'
    assert temperatures_text(PERSON._replace(warmest=None, median=None)) == ""


def test_a_detection_names_its_class_and_lies_in_pixels() -> None:
    if message_type() is None:
        pytest.skip("vision_msgs is not installed: it comes with ROS 2 from apt")
    message = detections_message([PERSON], STREET_NAMES, Header(frame_id="camera"))
    (detection,) = message.detections
    assert message.header.frame_id == detection.header.frame_id == "camera"
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("person", pytest.approx(0.9))
    centre = detection.bbox.center.position
    assert (centre.x, centre.y) == (39.5, 55.0)
    assert (detection.bbox.size_x, detection.bbox.size_y) == (20.0, 31.0)
    assert detection.id == temperatures_text(PERSON)

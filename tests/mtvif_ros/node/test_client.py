from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from mtvif_ros import topics
from mtvif_ros.imaging.codec import write_image
from mtvif_ros.node.client import Answer, Answers, declare
from tests.mtvif_ros.node.cameras import Cameras, NodeLog, ros_arguments


def test_without_a_fusion_node_the_log_says_whose_name_to_give(cameras: Cameras, node_log: NodeLog) -> None:
    given: list[Answer] = []
    answers = Answers(cameras.node, "other_node", given.append)
    publisher = cameras.node.create_publisher(Image, topics.SEGMENTATION, 10)
    mask = write_image(np.zeros((4, 4), np.uint8), "mono8", Header())

    def told() -> bool:
        publisher.publish(mask)
        return "/other_node/get_parameters: nobody answers; set fusion_node" in node_log()

    assert cameras.spin_until(told)
    assert not given and answers


def test_a_node_that_has_no_classes_is_named(cameras: Cameras, node_log: NodeLog) -> None:
    other = Node("camera", context=cameras.context)
    cameras.executor.add_node(other)
    answers = Answers(cameras.node, "camera", lambda answer: None)
    publisher = cameras.node.create_publisher(Image, topics.SEGMENTATION, 10)

    def told() -> bool:
        publisher.publish(write_image(np.zeros((4, 4), np.uint8), "mono8", Header()))
        return "/camera/get_parameters: that node has no classes; set fusion_node" in node_log()

    assert cameras.spin_until(told)
    assert answers
    cameras.executor.remove_node(other)
    other.destroy_node()


def test_masks_of_a_camera_without_stamps_go_on_coming(cameras: Cameras) -> None:
    labels = Node("labels", context=cameras.context)
    labels.declare_parameter("classes", ["background", "car"])
    labels.declare_parameter("palette", ["#000000", "#0000ff"])
    cameras.executor.add_node(labels)
    given: list[Answer] = []
    answers = Answers(cameras.node, "labels", given.append)
    publishers = [
        cameras.node.create_publisher(Image, topic, 10) for topic in (topics.SEGMENTATION, topics.CONFIDENCE)
    ]

    def several() -> bool:
        for publisher in publishers:
            publisher.publish(write_image(np.ones((4, 4), np.uint8), "mono8", Header()))
        return len(given) > 3

    assert cameras.spin_until(several)
    assert answers and all(answer.names == ("background", "car") for answer in given)
    cameras.executor.remove_node(labels)
    labels.destroy_node()


def test_parameters_come_by_name_and_wrong_numbers_are_refused(cameras: Cameras) -> None:
    defaults = {"name": "a", "place": [0.0, 0.0], "size": 1.0}
    for given, told in (
        ({"place": [1.0, 2.0], "size": 3.5}, None),
        ({"place": [1.0]}, "place: [1.0] is not 2 finite numbers"),
        ({"size": ".nan"}, "size: [nan] is not 1 finite numbers"),
    ):
        node = Node("client", context=cameras.context, cli_args=ros_arguments(given))
        if told is None:
            values = declare(node, defaults)
            assert isinstance(values, SimpleNamespace)
            assert (values.name, list(values.place), values.size) == ("a", [1.0, 2.0], 3.5)
        else:
            with pytest.raises(ValueError) as refusal:
                declare(node, defaults)
            assert str(refusal.value) == told
        node.destroy_node()

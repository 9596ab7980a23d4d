"""Recordings as people have them: compressed, damaged, with names of their own."""

import shutil
from pathlib import Path

import pytest
import yaml
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from std_msgs.msg import Header

from mtvif_ros.imaging.codec import read_grey, read_rgb, write_compressed, write_image
from mtvif_ros.recordings.reader import COMPRESSED, IMAGE, BagError, BagReader, stamp_of
from mtvif_ros.recordings.topics import choose_cameras
from mtvif_ros.recordings.writer import IR_TOPIC, RGB_TOPIC
from mtvif_ros.synthetic import Frame


def find_cameras(path: Path) -> tuple[str, str]:
    with BagReader(path) as reader:
        return choose_cameras(reader)


def write_bag(path: Path, messages: list[tuple[str, str, object]], count: int = 3) -> Path:
    """A bag of these topics, types and messages, repeated with rising stamps."""
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = {topic: writer.add_connection(topic, kind, typestore=store) for topic, kind, _ in messages}
        for number in range(count):
            for topic, _, message in messages:
                message.header.stamp.sec = number  # type: ignore[attr-defined]
                writer.write(topics[topic], number * 10**9, serialize_message(message))
    return path


def test_compressed_cameras_with_names_of_their_own_are_found(tmp_path: Path, night_frame: Frame) -> None:
    bag = write_bag(
        tmp_path / "bag",
        [
            ("/flir/compressed", COMPRESSED, write_compressed(night_frame.ir, "png", Header())),
            ("/front/image/compressed", COMPRESSED, write_compressed(night_frame.rgb, "jpeg", Header())),
            ("/front/labels", IMAGE, write_image(night_frame.mask, "mono8", Header())),
        ],
    )
    topics = find_cameras(bag)
    assert topics == ("/front/image/compressed", "/flir/compressed")
    with BagReader(bag, topics) as reader:
        records = list(reader.records())
    assert [stamp_of(record.raw) for record in records if record.topic == topics[1]] == [0, 10**9, 2 * 10**9]
    first = {record.topic: record.message() for record in records}
    assert read_rgb(first[topics[0]]).shape == night_frame.rgb.shape
    assert (read_grey(first[topics[1]]) == night_frame.ir).all()


def test_a_raw_topic_is_taken_before_its_compressed_form(tmp_path: Path, night_frame: Frame) -> None:
    bag = write_bag(
        tmp_path / "bag",
        [
            ("/ir", IMAGE, write_image(night_frame.ir, "mono8", Header())),
            ("/rgb", IMAGE, write_image(night_frame.rgb, "rgb8", Header())),
            ("/rgb/compressed", COMPRESSED, write_compressed(night_frame.rgb, "jpeg", Header())),
        ],
    )
    assert find_cameras(bag) == ("/rgb", "/ir")


@pytest.mark.parametrize(
    ("topics", "told"),
    [
        (("/left", "/right"), r"which topics.*/left \(colours\), /right \(colours\).*--rgb-topic"),
        (("/left",), r"which topics"),
        ((), "has no images"),
    ],
)
def test_an_unclear_choice_is_left_to_the_user(
    topics: tuple[str, ...], told: str, tmp_path: Path, night_frame: Frame
) -> None:
    image = write_image(night_frame.rgb, "rgb8", Header())
    bag = write_bag(tmp_path / "bag", [(topic, IMAGE, image) for topic in topics])
    with pytest.raises(BagError, match=told):
        find_cameras(bag)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_bag_gives_what_can_be_read_and_says_so(
    share: float, rendered_bag: Path, tmp_path: Path
) -> None:
    bag = tmp_path / "bag"
    shutil.copytree(rendered_bag, bag)
    file = next(bag.glob("*.mcap"))
    with file.open("r+b") as stream:
        stream.truncate(int(file.stat().st_size * share))
    with BagReader(rendered_bag, (RGB_TOPIC, IR_TOPIC)) as reader:
        whole = [record.raw for record in reader.records()]
    with BagReader(bag, (RGB_TOPIC, IR_TOPIC)) as reader:
        found = [record.raw for record in reader.records()]
    assert 0.7 * share * len(whole) < len(found) < len(whole)
    assert found == whole[: len(found)]
    assert str(bag) in reader.damage


def test_a_bag_whose_recorder_was_killed_is_read(rendered_bag: Path, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    shutil.copytree(rendered_bag, bag)
    (bag / "metadata.yaml").unlink()
    with BagReader(bag, (RGB_TOPIC, IR_TOPIC)) as reader:
        assert len(list(reader.records())) > 40


def test_a_split_bag_is_read_as_one(tmp_path: Path, night_frame: Frame) -> None:
    image = write_image(night_frame.ir, "mono8", Header())
    whole = tmp_path / "whole"
    whole.mkdir()
    described = None
    for number in range(2):
        part = write_bag(tmp_path / f"part{number}", [("/ir", IMAGE, image)])
        shutil.move(next(part.glob("*.mcap")), whole / f"whole_{number}.mcap")
        described = yaml.safe_load((part / "metadata.yaml").read_text())
    assert described is not None
    about = described["rosbag2_bagfile_information"]
    about["relative_file_paths"] = ["whole_0.mcap", "whole_1.mcap"]
    about["files"] = [{**about["files"][0], "path": path} for path in about["relative_file_paths"]]
    about["message_count"] *= 2
    about["topics_with_message_count"][0]["message_count"] *= 2
    (whole / "metadata.yaml").write_text(yaml.safe_dump(described))
    with BagReader(whole, ("/ir",)) as reader:
        assert len(list(reader.records())) == 6
    assert reader.damage == ""


def test_a_file_that_is_not_a_bag_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.mcap").write_bytes(b"not a bag")
    for path in (tmp_path, tmp_path / "notes.mcap"):
        with pytest.raises(BagError, match="cannot be opened"), BagReader(path):
            pass


@pytest.mark.parametrize("definition", ["float32 x", "this is { no definition"])
def test_topics_of_unknown_types_are_passed_over(definition: str, tmp_path: Path, night_frame: Frame) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    cameras = {
        "/ir": write_image(night_frame.ir, "mono8", Header()),
        "/rgb": write_image(night_frame.rgb, "rgb8", Header()),
    }
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        other = writer.add_connection("/other", "vendor_msgs/msg/Odd", msgdef=definition, rihs01="RIHS01_00")
        writer.write(other, 0, b"\x00\x01\x00\x00\xff")
        for topic, message in cameras.items():
            writer.write(writer.add_connection(topic, IMAGE, typestore=store), 1, serialize_message(message))
    assert find_cameras(tmp_path / "bag") == ("/rgb", "/ir")
    with BagReader(tmp_path / "bag", ("/rgb", "/ir")) as reader:
        assert [record.topic for record in reader.records()] == ["/ir", "/rgb"]
    assert reader.damage == ""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from mcap.reader import make_reader
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image

from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.recordings.make_bag import from_rendered, main
from mtvif_ros.recordings.reader import BagError, BagReader, stamp_of
from mtvif_ros.recordings.writer import IR_TOPIC, LABEL_TOPIC, RGB_TOPIC
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig


@pytest.fixture
def folder(tmp_path: Path, night_frame: Frame) -> Path:
    root = tmp_path / "pairs"
    for name, pixels in (
        ("vi", cv2.cvtColor(night_frame.rgb, cv2.COLOR_RGB2BGR)),
        ("ir", night_frame.ir),
        ("labels", night_frame.mask),
    ):
        (root / name).mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(str(root / name / f"{number}.png"), np.asarray(pixels))
    return root


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_folder_of_pairs_comes_back_from_the_bag(
    storage: str, folder: Path, tmp_path: Path, night_frame: Frame
) -> None:
    bag = tmp_path / "bag"
    main(["--pairs", str(folder), "--out", str(bag), "--storage", storage, "--rate", "10"])
    with BagReader(bag, (RGB_TOPIC, IR_TOPIC, LABEL_TOPIC)) as reader:
        records = list(reader.records())
    assert len(records) == 9
    seen = {record.topic: deserialize_message(record.raw, Image) for record in records}
    np.testing.assert_array_equal(read_rgb(seen[RGB_TOPIC]), night_frame.rgb)
    np.testing.assert_array_equal(read_grey(seen[IR_TOPIC]), night_frame.ir)
    np.testing.assert_array_equal(read_grey(seen[LABEL_TOPIC]), night_frame.mask)
    stamps = [stamp_of(record.raw) for record in records if record.topic == RGB_TOPIC]
    assert stamps[1] - stamps[0] == pytest.approx(100_000_000, abs=300)


def test_an_independent_mcap_reader_understands_the_bag(rendered_bag: Path) -> None:
    with next(rendered_bag.glob("*.mcap")).open("rb") as stream:
        summary = make_reader(stream).get_summary()
    assert summary is not None
    topics = {channel.topic: channel.message_encoding for channel in summary.channels.values()}
    assert topics == dict.fromkeys(
        (RGB_TOPIC, IR_TOPIC, LABEL_TOPIC, "/rgb/camera_info", "/ir/camera_info"), "cdr"
    )


def test_metadata_is_in_the_form_that_rosbag2_reads_from_humble_on(rendered_bag: Path) -> None:
    """rosbag2 itself is not among the wheels, so its reader's demands are checked one by one."""
    info = yaml.safe_load((rendered_bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert info["version"] == 8
    assert info["storage_identifier"] == "mcap"
    assert all((rendered_bag / path).is_file() for path in info["relative_file_paths"])
    for entry in info["topics_with_message_count"]:
        assert isinstance(entry["topic_metadata"]["offered_qos_profiles"], str)
        assert entry["topic_metadata"]["serialization_format"] == "cdr"


def test_camera_info_of_rendered_scenes_holds_the_cameras_matrix(rendered_bag: Path) -> None:
    from rosbags.highlevel import AnyReader

    with AnyReader([rendered_bag]) as reader:
        wanted = [c for c in reader.connections if c.topic == "/rgb/camera_info"]
        raw = next(reader.messages(wanted))[2]
    info = deserialize_message(bytes(raw), CameraInfo)
    assert (info.width, info.height) == (640, 480)
    assert info.k[0] == info.k[4] == pytest.approx(576)


def test_two_videos_become_a_bag(tmp_path: Path, night_frame: Frame) -> None:
    paths = []
    for name in ("vi", "ir"):
        path = tmp_path / f"{name}.mp4"
        video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (640, 480))
        for _ in range(4):
            video.write(cv2.cvtColor(night_frame.rgb, cv2.COLOR_RGB2BGR))
        video.release()
        paths.append(str(path))
    main(["--videos", *paths, "--out", str(tmp_path / "bag")])
    with BagReader(tmp_path / "bag", (RGB_TOPIC, IR_TOPIC)) as reader:
        assert len(list(reader.records())) == 8


def test_unusable_input_is_named(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ir" / "1.png").unlink()
    with pytest.raises(SystemExit, match="1"):
        main(["--pairs", str(folder), "--out", str(tmp_path / "bag")])
    assert "lacks a partner of the same name" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="1"):
        main(["--pairs", str(tmp_path / "none"), "--out", str(tmp_path / "bag")])
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("lap #2", ["--storage", "sqlite3"], "lap #2: sqlite3 needs a path without #, % and ?"),
        ("bag", ["--seed", "-1"], "argument --seed: '-1' is not a whole number from 0 on"),
        ("bag", ["--rate", "1e-9"], "rate: 1e-09 Hz makes stamps that a message cannot hold"),
        ("bag", ["--offset", "1e30"], "offset: 1e+30 s makes stamps that a message cannot hold"),
    ],
)
def test_what_a_bag_cannot_hold_is_refused(
    name: str,
    options: list[str],
    told: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="1"):
        main(["--pairs", str(folder), "--out", str(tmp_path / name), *options])
    *_, line = capsys.readouterr().err.splitlines()  # behind the progress
    assert told in line and not (tmp_path / name).exists()


def test_a_bag_is_never_overwritten(
    rendered_bag: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        main(["--pairs", str(folder), "--out", str(rendered_bag)])
    assert "exists already" in capsys.readouterr().err


def test_a_missing_topic_is_named_with_those_that_exist(rendered_bag: Path) -> None:
    with (
        pytest.raises(BagError, match=r"no images on /thermal.*/rgb/image_raw"),
        BagReader(rendered_bag, (RGB_TOPIC, "/thermal")),
    ):
        pass


def test_the_processes_of_a_long_drive_give_its_frames_in_order() -> None:
    config = SceneConfig(seed=3, width=64, height=48, rate=150)
    scene = RoadScene(config)
    frames = list(from_rendered(config, 1.0).frames)
    assert len(frames) == 150
    for index in (0, 71, 149):
        for here, there in zip(scene.frame(index), frames[index]):
            np.testing.assert_array_equal(here, there)

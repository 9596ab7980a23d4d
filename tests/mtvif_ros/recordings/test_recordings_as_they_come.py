"""Recordings as they come: whole ones are read whole, of others every command says what is missing."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import mcap.writer
import pytest
import yaml

from mtvif_ros.calibration.command import main as calibrate
from mtvif_ros.recordings.extract import main as extract
from mtvif_ros.recordings.reader import IMAGE, BagError, BagReader
from mtvif_ros.recordings.topics import choose_cameras
from mtvif_ros.replay.command import main as replay
from tests.mtvif_ros.recordings.tiny import (
    BEGIN,
    IR,
    LABELS,
    MS,
    RGB,
    Shot,
    drive,
    in_order,
    read,
    serialised,
    write,
)

DRIVE = drive()


def data_file(bag: Path) -> Path:
    return next(file for kind in ("*.mcap", "*.db3") for file in bag.glob(kind))


def edit_metadata(bag: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    about = yaml.safe_load((bag / "metadata.yaml").read_text())
    change(about["rosbag2_bagfile_information"])
    (bag / "metadata.yaml").write_text(yaml.safe_dump(about))


def as_recorded(bag: Path, storage: str) -> None:
    write(bag, DRIVE, storage)


def without_metadata(bag: Path, storage: str) -> None:
    write(bag, DRIVE, storage)
    (bag / "metadata.yaml").unlink()


def backwards(bag: Path, storage: str) -> None:
    write(bag, DRIVE[::-1], storage)


def compressed_files(bag: Path, storage: str) -> None:
    write(bag, DRIVE, storage, "FILE")


def compressed_messages(bag: Path, storage: str) -> None:
    write(bag, DRIVE, storage, "MESSAGE")


def compressed_messages_without_metadata(bag: Path, storage: str) -> None:
    compressed_messages(bag, storage)
    (bag / "metadata.yaml").unlink()


def split_with_names_that_do_not_sort_by_time(bag: Path, storage: str) -> None:
    bag.mkdir()
    for name, part in (("b", DRIVE[:8]), ("a", DRIVE[8:])):
        file = data_file(write(bag.with_name(name), part, storage))
        shutil.move(file, bag / file.name)


def with_files_renamed(bag: Path, storage: str) -> None:
    write(bag, DRIVE, storage)
    file = data_file(bag)
    file.rename(file.with_stem("renamed"))


def with_other_qos_in_metadata(bag: Path, storage: str) -> None:
    write(bag, DRIVE, storage)

    def change(about: dict[str, Any]) -> None:
        for topic in about["topics_with_message_count"]:
            topic["topic_metadata"]["offered_qos_profiles"] = "- history: 1\n  reliability: odd\n"

    edit_metadata(bag, change)


def with_a_topic_missing_from_metadata(bag: Path, storage: str) -> None:
    write(bag, DRIVE, storage)
    edit_metadata(bag, lambda about: about["topics_with_message_count"].pop())


def with_metadata_that_makes_no_sense(bag: Path, storage: str) -> None:
    write(bag, DRIVE, storage)
    (bag / "metadata.yaml").write_bytes(b"rosbag2_bagfile_information: [\xff\x00")


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize(
    "record",
    [
        as_recorded,
        without_metadata,
        backwards,
        compressed_files,
        compressed_messages,
        compressed_messages_without_metadata,
        split_with_names_that_do_not_sort_by_time,
        with_files_renamed,
        with_other_qos_in_metadata,
        with_a_topic_missing_from_metadata,
        with_metadata_that_makes_no_sense,
    ],
)
def test_a_whole_recording_is_read_whole_and_in_time_order(
    record: Callable[[Path, str], None], storage: str, tmp_path: Path
) -> None:
    record(tmp_path / "bag", storage)
    found, damage = read(tmp_path / "bag")
    assert in_order(found) == in_order(DRIVE) and damage == ""
    assert [shot.received for shot in found] == sorted(shot.received for shot in found)


@pytest.mark.parametrize("name", ["lap #2", "50%20", "what?", "naïve"])
def test_folders_may_have_any_name(name: str, tmp_path: Path) -> None:
    write(tmp_path / "bag", DRIVE, "sqlite3").rename(tmp_path / name)
    assert len(read(tmp_path / name)[0]) == len(DRIVE)


def test_messages_in_a_write_ahead_log_are_read_and_nothing_is_changed(tmp_path: Path) -> None:
    write(tmp_path / "live", DRIVE[:8], "sqlite3")
    recorder = sqlite3.connect(data_file(tmp_path / "live"))
    recorder.execute("PRAGMA journal_mode = WAL")
    (channels,) = [dict(recorder.execute("SELECT name, id FROM topics"))]
    for shot in DRIVE[8:]:
        recorder.execute(
            "INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)",
            (channels[shot.topic], shot.received, serialised(shot)),
        )
    recorder.commit()
    bag = tmp_path / "killed"
    bag.mkdir()
    for suffix in (".db3", ".db3-wal"):
        shutil.copy(tmp_path / "live" / f"live{suffix}", bag / f"live{suffix}")
    recorder.close()
    before = {file.name: file.read_bytes() for file in bag.iterdir()}
    found, damage = read(bag)
    assert in_order(found) == in_order(DRIVE) and damage == ""
    assert {file.name: file.read_bytes() for file in bag.iterdir()} == before


@pytest.mark.parametrize("chunks", [True, False])
def test_other_channels_are_read_beside_one_that_cannot_be_understood(chunks: bool, tmp_path: Path) -> None:
    path = tmp_path / "odd.mcap"
    with path.open("wb") as stream:
        writer = mcap.writer.Writer(stream, use_chunking=chunks, repeat_channels=False, repeat_schemas=False)
        writer.start("")
        schema = writer.register_schema(IMAGE, "odd", b"\xff")
        channels = {topic: writer.register_channel(topic, "cdr", schema) for topic in (RGB, IR)}
        channels["/odd"] = writer.register_channel("/odd", "protobuf", schema)
        for shot in (*DRIVE[::-1], Shot("/odd", BEGIN, BEGIN)):
            writer.add_message(channels[shot.topic], shot.received, serialised(shot), shot.received)
        writer.finish()
    found, damage = read(path)
    assert in_order(found) == in_order(DRIVE) and damage == ""
    with pytest.raises(BagError, match=r"/odd .*its encoding protobuf"), BagReader(path, ("/odd",)):
        pass


LONG = drive(60)


def cut_short(bag: Path) -> Path:
    file = data_file(bag)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size * 2 // 3)
    return file


def overwritten_in_the_middle(bag: Path) -> Path:
    file = data_file(bag)
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size // 2)
        stream.write(b"\xff" * 50_000)
    return file


def without_a_file(bag: Path) -> Path:
    file = data_file(bag)
    shutil.copy(file, file.with_stem("other"))
    edit_metadata(bag, lambda about: about["relative_file_paths"].append("bag_1.mcap"))
    file.with_stem("other").unlink()
    return bag


def with_less_than_metadata_counts(bag: Path) -> Path:
    def change(about: dict[str, Any]) -> None:
        about["topics_with_message_count"][0]["message_count"] += 1

    edit_metadata(bag, change)
    return bag


def with_a_file_that_metadata_does_not_name(bag: Path) -> Path:
    file = data_file(bag)
    return Path(shutil.copy(file, file.with_stem("other")))


def with_an_empty_file(bag: Path) -> Path:
    (bag / "metadata.yaml").unlink()
    (bag / "empty.mcap").touch()
    return bag / "empty.mcap"


def with_a_message_that_is_no_image(bag: Path) -> Path:
    shutil.rmtree(bag)
    write(bag, LONG, "sqlite3")
    with sqlite3.connect(data_file(bag)) as database:
        database.execute("UPDATE messages SET data = x'00' WHERE id = 5")
    database.close()
    return bag


def with_a_message_of_no_topic(bag: Path) -> Path:
    file = data_file(bag)
    if file.suffix == ".db3":
        with sqlite3.connect(file) as database:
            database.execute("UPDATE messages SET topic_id = 9 WHERE id = 5")
        database.close()
    else:
        flip(file, message_in(file), 7)
    return file


def message_in(file: Path) -> int:
    """Return where in an mcap file the record of a message begins."""
    length = 22 + len(serialised(LONG[-1], (60, 200)))
    return file.read_bytes().rindex(b"\x05" + length.to_bytes(8, "little"))


def flip(file: Path, place: int, bit: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(content)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize(
    "spoil",
    [
        cut_short,
        overwritten_in_the_middle,
        without_a_file,
        with_less_than_metadata_counts,
        with_a_file_that_metadata_does_not_name,
        with_an_empty_file,
        with_a_message_that_is_no_image,
        with_a_message_of_no_topic,
    ],
)
def test_what_cannot_be_read_is_said_and_the_exit_code_says_it(
    spoil: Callable[[Path], Path], storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write(tmp_path / "bag", LONG, storage, sizes={RGB: (60, 200), IR: (60, 200)})
    blamed = spoil(bag)
    assert extract(["--bag", str(bag), "--out", str(tmp_path / "out"), "--every", "1"]) == 3
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "only a part" in line]
    assert line.startswith("mtvif_extract: ") and str(blamed) in line
    assert len(list((tmp_path / "out" / "vi").iterdir())) > 15


def test_chunks_behind_a_damaged_one_are_read(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", LONG, sizes={RGB: (60, 200), IR: (60, 200)})
    file = data_file(bag)
    content = bytearray(file.read_bytes())
    chunk = content.index(b"\x06", len(content) // 3)
    while int.from_bytes(content[chunk + 1 : chunk + 9], "little") not in range(10**6, 2 * 10**6):
        chunk = content.index(b"\x06", chunk + 1)
    content[chunk + 1 : chunk + 9] = b"\xff" * 8
    file.write_bytes(content)
    found, damage = read(bag)
    assert found[0] == LONG[0] and found[-1] == LONG[-1] and 60 < len(found) < 120
    assert f"{file}: ends or is damaged after {chunk} of" in damage


@pytest.mark.parametrize(("place", "bit"), [(0, 7), (0, 1), (9, 0), (9, 1), (10, 4)])
def test_one_flipped_bit_hides_no_message_of_a_finished_mcap(place: int, bit: int, tmp_path: Path) -> None:
    file = data_file(write(tmp_path / "bag", LONG, sizes={RGB: (60, 200), IR: (60, 200)}))
    flip(file, message_in(file) + place, bit)
    found, damage = read(file)
    assert in_order(found) != in_order(LONG)
    assert f"{file}: counts 60 messages on {IR}, but holds 59" in damage


def test_a_row_that_a_page_no_longer_counts_is_missed(tmp_path: Path) -> None:
    file = data_file(write(tmp_path / "bag", drive(60), "sqlite3"))
    content = bytearray(file.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    leaf = next(at for at in range(size, len(content), size) if content[at] == 13 and content[at + 4] > 5)
    content[leaf + 4] -= 1  # the low byte of its number of rows
    file.write_bytes(content)
    found, damage = read(file)
    assert len(found) == 119 and "messages may be missing" in damage


def ros1_file(folder: Path) -> Path:
    (folder / "old.bag").write_bytes(b"#ROSBAG V2.0\n\x00")
    return folder / "old.bag"


def folder_of_ros1(folder: Path) -> Path:
    return ros1_file(folder).parent


def garbage(folder: Path) -> Path:
    (folder / "x.db3").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    return folder


def empty_folder(folder: Path) -> Path:
    return folder


def one_topic_of_two_types(folder: Path) -> Path:
    bag = write(folder / "bag", DRIVE, "sqlite3")
    with sqlite3.connect(data_file(bag)) as database:
        database.execute("UPDATE topics SET type = 'vendor_msgs/msg/Odd' WHERE name = ?", (IR,))
    database.close()
    return bag


@pytest.mark.parametrize("command", [extract, calibrate, replay])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (ros1_file, "is a ROS 1 bag; convert it with: rosbags-convert --src"),
        (folder_of_ros1, "old.bag: is a ROS 1 bag"),
        (garbage, "cannot be opened"),
        (empty_folder, "it holds no mcap or db3 file"),
        (one_topic_of_two_types, f"{IR} (its type is vendor_msgs/msg/Odd"),
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(
    command: Callable[[list[str]], int],
    make: Callable[[Path], Path],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bag = make(tmp_path)
    arguments = ["--bag", str(bag), "--out", str(tmp_path / "out"), "--rgb-topic", RGB, "--ir-topic", IR]
    with pytest.raises(SystemExit, match="1"):
        command(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.parametrize(("unreadable", "pairs"), [(3, 7), (10, 0)])
def test_images_of_an_unknown_encoding_are_said(
    unreadable: int, pairs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shots = [
        shot._replace(encoding="odd") if shot.topic == IR and shot.value < unreadable else shot
        for shot in DRIVE
    ]
    bag, out = write(tmp_path / "bag", shots), tmp_path / "out"
    arguments = ["--bag", str(bag), "--out", str(out), "--every", "1"]
    if pairs:
        assert extract(arguments) == 3
    else:
        with pytest.raises(SystemExit, match="1"):
            extract(arguments)
    assert f"{IR}: encoding 'odd'" in capsys.readouterr().err
    assert len(list(out.glob("vi/*.png"))) == pairs


def zero(shot: Shot) -> Shot:
    return shot._replace(stamp=0)


def in_threes(shot: Shot) -> Shot:
    return shot._replace(stamp=shot.stamp // (300 * MS) * 300 * MS)


def other_clock(shot: Shot) -> Shot:
    return shot._replace(stamp=shot.stamp - BEGIN) if shot.topic == IR else shot


def mostly_far_apart(shot: Shot) -> Shot:
    return shot._replace(stamp=shot.stamp + 400 * 1000 * MS) if shot.topic == IR and shot.value > 1 else shot


@pytest.mark.parametrize(
    ("spoil", "options", "code", "pairs", "told"),
    [
        (zero, (), 0, 10, "stamps are missing or repeat; frames have their times of arrival"),
        (in_threes, (), 0, 10, "stamps are missing or repeat"),
        (other_clock, (), 1, 0, "about -1700000000.000 s after the visible ones"),
        (other_clock, ("--offset", "-1700000000"), 0, 10, ""),
        (other_clock, ("--arrival",), 0, 10, ""),
        (mostly_far_apart, (), 3, 2, f"10 frames of {RGB} and 10 frames of {IR}: only 2"),
    ],
)
def test_frames_that_stamps_do_not_identify_are_counted_by_arrival(
    spoil: Callable[[Shot], Shot],
    options: tuple[str, ...],
    code: int,
    pairs: int,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bag, out = write(tmp_path / "bag", map(spoil, DRIVE)), tmp_path / "out"
    arguments = ["--bag", str(bag), "--out", str(out), "--every", "1", *options]
    if code == 1:
        with pytest.raises(SystemExit, match="1"):
            extract(arguments)
    else:
        assert extract(arguments) == code
    assert told in capsys.readouterr().err
    assert len(list(out.glob("vi/*.png"))) == pairs


def test_a_stamp_far_from_its_neighbours_is_remarked_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shots = [DRIVE[0]._replace(stamp=0), *DRIVE[1:]]
    bag = write(tmp_path / "bag", shots)
    assert extract(["--bag", str(bag), "--out", str(tmp_path / "out"), "--every", "1"]) == 0
    assert f"{RGB}: 1 of 10 stamps are more than 10 s off" in capsys.readouterr().err
    assert len(list((tmp_path / "out" / "vi").iterdir())) == 9


@pytest.mark.parametrize(
    ("topics", "given", "chosen"),
    [
        ({"/front": "rgb8", "/thermal": "mono8"}, {}, ("/front", "/thermal")),
        ({"/front": "rgb8", "/back": "mono16"}, {}, ("/front", "/back")),
        ({"/color/image": "yuv422_yuy2", "/other": "mono8"}, {}, ("/color/image", "/other")),
        *(
            ({"/front": colours, "/back": deep}, {}, ("/front", "/back"))
            for colours in ("uyvy", "nv12", "nv21", "nv24", "bgr16", "16UC3", "16UC4", "bayer_rggb16")
            for deep in ("mono16", "16SC1", "32FC1")
        ),
        ({"/a": "16UC3", "/thermal": "nv24"}, {}, None),
        ({"/a": "mono8", "/b": "rgb8"}, {}, None),
        ({"/visible": "mono8", "/thermal": "rgb8"}, {}, None),
        ({"/thermal": "yuv422_yuy2", "/b": "mono8"}, {}, None),
        ({"/a": "mono8", "/b": "mono8"}, {}, None),
        ({"/a": "mono8", "/b": "rgb8"}, {"rgb": "/a"}, ("/a", "/b")),
        ({"/a": "mono8", "/b": "rgb8"}, {"ir": "/b"}, ("/a", "/b")),
        ({"/a": "mono8", "/b": "rgb8", "/c": "rgb8"}, {"rgb": "/a"}, None),
        ({"/a": "mono8", "/b": "rgb8"}, {"rgb": "/a", "ir": "/a"}, None),
    ],
)
def test_the_cameras_are_asked_for_unless_they_are_certain(
    topics: dict[str, str], given: dict[str, str], chosen: tuple[str, str] | None, tmp_path: Path
) -> None:
    shots = [Shot(topic, BEGIN, BEGIN, encoding) for topic, encoding in topics.items()]
    with BagReader(write(tmp_path / "bag", shots)) as bag:
        if chosen is None:
            with pytest.raises(BagError, match="--rgb-topic and --ir-topic"):
                choose_cameras(bag, **given)
        else:
            assert choose_cameras(bag, **given) == chosen


@pytest.mark.parametrize("command", [extract, calibrate])
def test_infrared_in_false_colours_is_said(
    command: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shots = [shot._replace(encoding="uyvy") if shot.topic == IR else shot for shot in DRIVE]
    bag = write(tmp_path / "bag", shots, sizes={RGB: (60, 80), IR: (60, 80)})
    arguments = ["--bag", str(bag), "--rgb-topic", RGB, "--ir-topic", IR, "--out", str(tmp_path / "out")]
    with suppress(SystemExit):  # there is nothing to calibrate by
        command(arguments)
    assert f"frames of {IR}: infrared comes in colours" in capsys.readouterr().err


def test_a_camera_that_starts_late_is_found(tmp_path: Path) -> None:
    early = drive(300, (RGB, "/other/depth"))
    late = drive(2, (IR,), begin=early[-1].received)
    with BagReader(write(tmp_path / "bag", [*early, *late])) as bag:
        assert choose_cameras(bag) == (RGB, IR)


def test_labels_that_hold_no_classes_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [shot._replace(encoding="rgb8") for shot in drive(topics=(LABELS,))]
    arguments = ["--bag", str(write(tmp_path / "bag", DRIVE + labels)), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="1"):
        extract(arguments)
    assert f"{LABELS}: encoding 'rgb8' does not hold class indices" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert extract([*arguments, "--no-labels"]) == 0

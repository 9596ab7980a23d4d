"""Recordings of which nothing is missing: they are read whole and in time order, whatever their form."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mcap.writer
import pytest

from mtvif_ros.recordings.reader import IMAGE, BagError, BagReader
from tests.mtvif_ros.recordings.tiny import (
    BEGIN,
    DRIVE,
    IR,
    RGB,
    Shot,
    data_file,
    edit_metadata,
    in_order,
    read,
    serialised,
    write,
)


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

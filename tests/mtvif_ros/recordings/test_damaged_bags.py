"""Damaged recordings and what is none: commands say what is missing, and the exit code says it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mtvif_ros.calibration.command import main as calibrate
from mtvif_ros.recordings.extract import main as extract
from mtvif_ros.recordings.reader import BagError, BagReader
from mtvif_ros.replay.command import main as replay
from tests.mtvif_ros.recordings.tiny import (
    DRIVE,
    IR,
    RGB,
    data_file,
    drive,
    edit_metadata,
    in_order,
    read,
    serialised,
    write,
)

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


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_damage_inside_a_compressed_file_names_that_file(storage: str, tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", LONG, storage, "FILE", sizes={RGB: (60, 200), IR: (60, 200)})
    (file,) = bag.glob("*.zst*")
    content = zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read()
    file.write_bytes(zstandard.ZstdCompressor().compress(content[: len(content) * 2 // 3]))
    with suppress(BagError), BagReader(bag) as reader:
        list(reader.records())
    assert reader.damage.startswith(f"{file}: ")


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

import csv
import importlib.util
import shutil
from pathlib import Path

import pytest

from mtvif_ros.replay.many import collect, find_bags, main, result_folder
from mtvif_ros.replay.summary import write_summary
from tests.mtvif_ros.recordings.tiny import data_file, drive, write
from tests.mtvif_ros.replay.conftest import Replayed
from tests.mtvif_ros.replay.summaries import summary

OPTIONS = ("--", "--no-preview", "--every", "20", "--duration", "0.4", "--fast")


@pytest.fixture
def bags(small_bag: Path, tmp_path: Path) -> Path:
    """Two bags that can be replayed, one that cannot."""
    folder = tmp_path / "bags"
    shutil.copytree(small_bag, folder / "monday" / "one")
    shutil.copy(next(small_bag.glob("*.mcap")), folder / "two.mcap")
    (folder / "broken.mcap").write_bytes(b"nothing")
    return folder


def rows(out: Path) -> dict[str, dict[str, str]]:
    with (out / "all.csv").open() as stream:
        return {row["bag"]: row for row in csv.DictReader(stream)}


def test_bags_are_found_as_folders_and_as_files(bags: Path) -> None:
    assert [str(bag.relative_to(bags)) for bag in find_bags(bags)] == [
        "broken.mcap",
        "monday/one",
        "two.mcap",
    ]


@pytest.mark.long
def test_one_table_tells_of_all_bags_and_a_second_run_repeats_nothing(bags: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main([str(bags), "--out", str(out), *OPTIONS]) == 2
    found = rows(out)
    assert found["monday/one"]["passed"] == found["two.mcap"]["passed"] == "True"
    assert "cannot be opened" in found["broken.mcap"]["problem"]
    written = (out / "two.mcap" / "summary.json").stat().st_mtime_ns
    (bags / "broken.mcap").unlink()
    (out / "monday/one/summary.json").write_text('{"schema": 1}')
    assert main([str(bags), "--out", str(out), *OPTIONS]) == 0
    assert (out / "two.mcap" / "summary.json").stat().st_mtime_ns == written
    assert rows(out)["monday/one"]["passed"] == "True"


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed (pip install ray)")
def test_a_cluster_gives_what_one_machine_gives(bags: Path, tmp_path: Path) -> None:
    (bags / "broken.mcap").unlink()
    for name, extra in (("here", ()), ("ray", ("--ray", "local"))):
        # Starting Ray may keep two cores busy for seconds, in which pairs are superseded.
        assert main([str(bags), "--out", str(tmp_path / name), *extra, *OPTIONS]) in (0, 2)
    here, there = rows(tmp_path / "here"), rows(tmp_path / "ray")
    for bag in here:
        for name in ("pairs", "fusion.VIF", "fusion.EN", "miou"):
            assert here[bag][name] == there[bag][name]


def test_a_broken_bag_gets_its_row_and_a_replay_that_is_there_is_not_repeated(
    bags: Path, tmp_path: Path, replayed: Replayed
) -> None:
    out = tmp_path / "out"
    for name in ("monday/one", "two.mcap"):
        shutil.copytree(replayed.out, out / name)
    assert main([str(bags), "--out", str(out), *OPTIONS]) == 2
    found = rows(out)
    assert found["monday/one"]["passed"] == found["two.mcap"]["passed"] == "True"
    assert "cannot be opened" in found["broken.mcap"]["problem"]


def test_results_of_another_version_are_replaced(bags: Path, tmp_path: Path) -> None:
    (bags / "broken.mcap").unlink()
    shutil.rmtree(bags / "monday")
    (tmp_path / "out" / "two.mcap").mkdir(parents=True)
    (tmp_path / "out" / "two.mcap" / "summary.json").write_text("{}")
    main([str(bags), "--out", str(tmp_path / "out"), *OPTIONS])
    assert rows(tmp_path / "out")["two.mcap"]["pairs"] == "5"


def test_ros_1_bags_are_named_with_their_converter_until_they_are_converted(tmp_path: Path) -> None:
    folder = tmp_path / "bags"
    write(folder / "done", drive())
    for name in ("done.bag", "lap 0.5.bag"):
        (folder / name).write_bytes(b"#ROSBAG V2.0\n")
    assert [bag.name for bag in find_bags(folder)] == ["done", "lap 0.5.bag"]
    shutil.rmtree(folder / "done")
    (folder / "done.bag").unlink()
    assert main([str(folder), "--out", str(tmp_path / "out")]) == 2
    old = folder / "lap 0.5.bag"
    told = f"is a ROS 1 bag; convert it with: rosbags-convert --src '{old}' --dst '{folder / 'lap 0.5'}'"
    assert told in rows(tmp_path / "out")["lap 0.5.bag"]["problem"]


def test_a_wrong_option_leaves_no_results(tmp_path: Path) -> None:
    write(tmp_path / "bags" / "one", drive())
    out = tmp_path / "out"
    assert main([str(tmp_path / "bags"), "--out", str(out), "--", "--slop", "0"]) == 2
    assert "argument --slop: '0' is not a number above 0" in rows(out)["one"]["problem"]
    assert not (out / "one").exists()


def test_results_lie_under_the_whole_name_of_a_bag() -> None:
    names = ("drive_0.5", "drive_0.7", "drive", "drive.mcap", "drive.db3", "monday/drive.db3")
    folders = [result_folder(Path("/bags") / name, Path("/bags"), Path("/out")) for name in names]
    assert folders == [Path("/out") / name for name in names]


def test_a_bag_of_which_only_a_part_was_replayed_has_not_passed(tmp_path: Path) -> None:
    bags = [tmp_path / name for name in ("whole", "cut")]
    for bag, damage in zip(bags, ("", "ends early")):
        (tmp_path / "out" / bag.name).mkdir(parents=True)
        write_summary(tmp_path / "out" / bag.name / "summary.json", summary(bag_damage=damage))
    assert [row["passed"] for row in collect(tmp_path, tmp_path / "out", bags, {})] == [True, False]


def test_a_folder_without_bags_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), "--out", str(tmp_path / "out")])
    assert ended.value.code == 1
    assert "holds no bag" in capsys.readouterr().err


def test_linked_bags_have_rows_and_links_in_circles_end(tmp_path: Path, replayed: Replayed) -> None:
    elsewhere, folder, out = tmp_path / "disk", tmp_path / "bags", tmp_path / "out"
    write(elsewhere / "one", drive())
    folder.mkdir()
    (folder / "drive").symlink_to(elsewhere / "one")
    (folder / "lap.mcap").symlink_to(data_file(elsewhere / "one"))
    (folder / "circle").symlink_to(folder)
    names = ["drive", "lap.mcap"]
    for name in names:
        shutil.copytree(replayed.out, out / name)
    assert main([str(folder), "--out", str(out)]) == 0
    assert list(rows(out)) == names


def test_a_table_that_cannot_be_written_is_printed(
    tmp_path: Path, replayed: Replayed, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "bags" / "one", drive())
    shutil.copytree(replayed.out, tmp_path / "out" / "one")
    (tmp_path / "out" / "all.csv").mkdir()
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "bags"), "--out", str(tmp_path / "out")])
    told = capsys.readouterr()
    assert ended.value.code == 1 and "all.csv" in told.err and "one " in told.out

"""Stamps as cameras set them: frames are paired all the same, or the commands say why not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mtvif_ros.recordings.extract import main as extract
from tests.mtvif_ros.recordings.tiny import BEGIN, DRIVE, IR, MS, RGB, Shot, drive, write


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


def test_stamps_that_repeat_now_and_then_are_remarked_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shots = [shot._replace(stamp=DRIVE[0].stamp) if shot.value == 1 else shot for shot in DRIVE]
    bag, out = write(tmp_path / "bag", shots), tmp_path / "out"
    assert extract(["--bag", str(bag), "--out", str(out), "--every", "1"]) == 0
    told = capsys.readouterr().err
    assert f"{RGB}: 1 of 10 stamps repeat" in told and f"{IR}: 1 of 10 stamps repeat" in told
    assert len(list(out.glob("vi/*.png"))) == 9


@pytest.mark.parametrize("options", [(), ("--arrival",)])
def test_messages_that_a_bag_holds_three_times_count_once(options: tuple[str, ...], tmp_path: Path) -> None:
    bag, out = write(tmp_path / "bag", [shot for shot in DRIVE for _ in range(3)]), tmp_path / "out"
    assert extract(["--bag", str(bag), "--out", str(out), "--every", "1", *options]) == 0
    assert len(list(out.glob("vi/*.png"))) == 10


def test_a_camera_that_is_missing_from_a_part_is_remarked_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shots = [shot for shot in drive(30) if shot.topic == RGB or shot.value < 10]
    bag = write(tmp_path / "bag", shots)
    assert extract(["--bag", str(bag), "--out", str(tmp_path / "out")]) == 0
    assert f"{IR}: has frames in 0.9 of 2.9 s" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--slop=inf", "--slop=-1", "--offset=inf", "--offset=nan"])
def test_times_that_are_no_numbers_are_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        extract(["--bag", str(tmp_path), "--out", str(tmp_path / "out"), option])
    assert "is not a number" in capsys.readouterr().err

from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.imaging.lenses import LensRegistration
from mtvif_ros.imaging.registration import Registration, write_registration
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.recordings.extract import main
from mtvif_ros.recordings.make_bag import main as make_bag
from mtvif_ros.recordings.timing import Moment, Shot
from mtvif_ros.recordings.writer import BagFrame, PairBagWriter
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.recordings.tiny import IR, RGB
from tests.mtvif_ros.rigs import INFRARED, VISIBLE, turned, view, wall, wall_bag


@pytest.fixture
def bag(tmp_path: Path, night_frame: Frame) -> Path:
    """Six equal pairs, one a second."""
    for name, pixels in (("vi", cv2.cvtColor(night_frame.rgb, cv2.COLOR_RGB2BGR)), ("ir", night_frame.ir)):
        (tmp_path / "pairs" / name).mkdir(parents=True)
        for number in range(6):
            cv2.imwrite(str(tmp_path / "pairs" / name / f"{number}.png"), np.asarray(pixels))
    make_bag(["--pairs", str(tmp_path / "pairs"), "--out", str(tmp_path / "bag"), "--rate", "1"])
    return tmp_path / "bag"


def test_pairs_come_out_as_they_went_in(bag: Path, tmp_path: Path, night_frame: Frame) -> None:
    out = tmp_path / "out"
    main(["--bag", str(bag), "--out", str(out), "--every", "2"])
    names = sorted(path.name for path in (out / "vi").iterdir())
    assert len(names) == 3 and names == sorted(path.name for path in (out / "ir").iterdir())
    visible, infrared = (
        cv2.imread(str(out / kind / names[0]), cv2.IMREAD_UNCHANGED) for kind in ("vi", "ir")
    )
    assert visible is not None and infrared is not None
    np.testing.assert_array_equal(visible[..., ::-1], night_frame.rgb)
    np.testing.assert_array_equal(infrared, night_frame.ir)


def test_infrared_comes_out_as_the_lenses_show_it(tmp_path: Path) -> None:
    pose = turned(0.0, 0.0, 0.0)
    bag, out = wall_bag(tmp_path / "bag", 6.0, pose), tmp_path / "out"
    topics = ("--rgb-topic", RGB, "--ir-topic", IR)
    main(["--bag", str(bag), "--out", str(out), "--every", "1", *topics, "--distance", "6"])
    first = min((out / "ir").iterdir())
    expected = LensRegistration(VISIBLE, INFRARED, pose, 6.0)(
        255 - view(INFRARED, wall(0), 6.0, pose), VISIBLE.size, VISIBLE.size
    )
    np.testing.assert_array_equal(cv2.imread(str(first), cv2.IMREAD_UNCHANGED), expected)


def test_infrared_comes_out_on_the_visible_grid(bag: Path, tmp_path: Path, night_frame: Frame) -> None:
    shift = Registration((1, 0, 10, 0, 1, 0, 0, 0, 1), (640, 480), (640, 480))
    write_registration(tmp_path / "r.yaml", shift, {})
    out = tmp_path / "out"
    main(["--bag", str(bag), "--out", str(out), "--registration", str(tmp_path / "r.yaml")])
    infrared = cv2.imread(str(next((out / "ir").iterdir())), cv2.IMREAD_UNCHANGED)
    assert infrared is not None
    np.testing.assert_array_equal(infrared[:, 10:], night_frame.ir[:, :-10])


def test_frames_that_never_meet_are_an_error(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        main(["--bag", str(bag), "--out", str(tmp_path / "out"), "--offset", "0.5"])
    assert "within 0.02 s of each other" in capsys.readouterr().err


def test_class_masks_come_out_beside_their_frames(rendered_bag: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    main(["--bag", str(rendered_bag), "--out", str(out), "--every", "7"])
    names, labels = ({path.name for path in (out / kind).iterdir()} for kind in ("vi", "labels"))
    assert len(names) > 2 and labels == names
    mask = cv2.imread(str(out / "labels" / min(labels)), cv2.IMREAD_UNCHANGED)
    assert mask is not None and mask.ndim == 2 and 0 < mask.max() < 9


def test_of_frames_and_masks_whose_stamp_repeats_the_first_are_taken(
    tmp_path: Path, night_frame: Frame
) -> None:
    rgb, ir, out = night_frame.rgb[::8, ::8], night_frame.ir[::8, ::8], tmp_path / "out"
    with PairBagWriter(tmp_path / "bag") as writer:
        for number in range(10):
            taken = 1000 * NANOSECONDS + number * NANOSECONDS // 10
            stamp = taken - NANOSECONDS // 10 if number == 5 else taken
            shots = Moment(Shot(taken, stamp), Shot(taken, taken))
            writer.write(BagFrame(rgb, ir, np.full(ir.shape, number, np.uint8)), shots)
    assert main(["--bag", str(tmp_path / "bag"), "--out", str(out), "--every", "1"]) == 0
    names, labels = (sorted(path.name for path in (out / kind).iterdir()) for kind in ("vi", "labels"))
    assert len(names) == 9 and labels == names
    masks = [cv2.imread(str(out / "labels" / name), cv2.IMREAD_UNCHANGED) for name in labels]
    assert [int(mask.max()) for mask in masks if mask is not None] == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_a_second_recording_never_overwrites_the_first(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    main(["--bag", str(bag), "--out", str(out), "--every", "2"])
    with pytest.raises(SystemExit, match="1"):
        main(["--bag", str(bag), "--out", str(out), "--every", "2"])
    assert "exists already; choose another --out, or a --prefix" in capsys.readouterr().err
    main(["--bag", str(bag), "--out", str(out), "--every", "2", "--prefix", "night_"])
    assert len(list((out / "vi").iterdir())) == 6

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mtvif_ros.calibration.clock import ClockOffset
from mtvif_ros.calibration.command import _tell_clocks, main, sample_pairs
from mtvif_ros.imaging.lenses import Pose, pose_values, read_pose
from mtvif_ros.imaging.registration import read_registration
from mtvif_ros.recordings.make_bag import FrameSource, make_bag
from mtvif_ros.recordings.reader import IMAGE, BagReader
from mtvif_ros.recordings.timing import Timing
from mtvif_ros.recordings.writer import BagFrame
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.mtvif_ros.recordings.tiny import BEGIN, IR, RGB, Shot, drive, write, write_messages
from tests.mtvif_ros.rigs import SHIFT, grey, turned, wall, wall_bag


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Six frames whose infrared camera looks 12 px to the right."""
    frames = [RoadScene(SceneConfig(seed=seed, time="dusk")).frame(9) for seed in range(6)]
    shifted = [BagFrame(f.rgb, np.roll(f.ir, -12, axis=1), None) for f in frames]
    make_bag(FrameSource(iter(shifted), 6), tmp_path / "bag", Timing(rate=5))
    return tmp_path / "bag"


def test_a_recording_gives_a_registration_and_a_picture_to_judge_it_by(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made" / "registration.yaml"
    main(["--bag", str(bag), "--out", str(out)])
    matrix = read_registration(out).matrix()
    moved = cv2.perspectiveTransform(np.array([[[320.0, 240.0]]]), matrix)[0, 0]
    assert moved == pytest.approx((332, 240), abs=0.7)
    told = capsys.readouterr()
    assert "edges of the two cameras are" in told.out
    for step in ("compare clocks", "read", "align"):  # each may take a minute
        assert f"{step}: 100 %" in told.err
    picture = cv2.imread(str(out.with_suffix(".png")))
    assert picture is not None and picture.shape == (480, 1280, 3)


def test_a_bag_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        main(["--bag", "/nowhere", "--out", str(tmp_path / "r.yaml")])
    assert "/nowhere: no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="1"):
        main(["--bag", "/nowhere", "--out", str(tmp_path)])
    assert f"--out {tmp_path}: is a folder; name a yaml file" in capsys.readouterr().err


def test_a_visible_camera_of_16_bits_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = write(tmp_path / "bag", [shot._replace(encoding="mono16") for shot in drive()])
    arguments = ["--bag", str(bag), "--rgb-topic", RGB, "--ir-topic", IR, "--out", str(tmp_path / "r.yaml")]
    with pytest.raises(SystemExit, match="1"):
        main(arguments)
    assert f"{RGB}: encoding 'mono16' is for infrared" in capsys.readouterr().err


def test_infrared_of_16_bits_is_scaled(tmp_path: Path) -> None:
    pair = [(RGB, "rgb8"), (IR, "mono16")]
    shots = [Shot(topic, BEGIN, BEGIN, encoding, value=30) for topic, encoding in pair]
    with BagReader(write(tmp_path / "bag", shots)) as bag:
        ((visible, infrared),) = sample_pairs(bag, (RGB, IR), 1, 0.02, 0.0)
    assert visible.dtype == infrared.dtype == np.uint8
    assert set(np.unique(visible)) == {30, 30 ^ 64}
    assert (infrared.min(), infrared.max()) == (0, 255)


def test_a_bag_that_is_cut_short_gives_a_registration_and_an_exit_code_of_its_own(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = bag.glob("*.mcap")
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size * 3 // 4)
    assert main(["--bag", str(bag), "--out", str(tmp_path / "cam_0.7.yaml")]) == 3
    assert f"mtvif_calibrate: only a part was read: {file}" in capsys.readouterr().err
    assert (tmp_path / "cam_0.7.yaml").exists() and (tmp_path / "cam_0.7.png").exists()


def test_the_offset_of_the_clocks_is_found_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = RoadScene(SceneConfig(seed=3, width=320, height=240, time="day"))
    frames = (BagFrame(frame.rgb, frame.ir, None) for frame in map(scene.frame, range(240)))
    make_bag(FrameSource(frames, 240), tmp_path / "bag", Timing(rate=30, offset=-0.25))
    out = tmp_path / "r.yaml"
    assert main(["--bag", str(tmp_path / "bag"), "--out", str(out), "--frames", "12"]) == 0
    values = yaml.safe_load(out.read_text())
    assert values["sync.offset"] == pytest.approx(-0.25, abs=0.005)
    assert values["sync.offset_uncertainty"] < 0.01
    told = capsys.readouterr().out
    assert "ms before the visible ones of the same moment" in told
    assert f"sync.offset:={values['sync.offset']}" in told
    assert main(["--bag", str(tmp_path / "bag"), "--out", str(out), "--offset", "-0.25"]) == 0
    assert "sync.offset" not in yaml.safe_load(out.read_text())


def test_clocks_that_cannot_be_compared_are_told_and_not_written(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--bag", str(bag), "--out", str(tmp_path / "r.yaml"), "--arrival"]) == 0
    told = capsys.readouterr()
    assert "clocks are not compared: there are too few frames" in told.err
    assert told.out.endswith(" sync.by:=arrival\n")
    assert "sync.offset" not in yaml.safe_load((tmp_path / "r.yaml").read_text())


def test_times_of_arrival_give_no_offset_of_stamps(capsys: pytest.CaptureFixture[str]) -> None:
    assert _tell_clocks(ClockOffset(0.1, 0.001, 0.0, 60.0), "", 0.02, by_arrival=True) == {}
    assert "infrared frames arrive 100.0 ± 1.0 ms after the visible ones" in capsys.readouterr().out


def test_a_drift_that_makes_one_number_useless_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert _tell_clocks(ClockOffset(0.1, 0.001, 0.06, 60.0), "", 0.02) == {}
    told = capsys.readouterr().err
    assert "drift by 60.0 ms over these 60 s" in told and "one sync.offset is useless" in told
    assert _tell_clocks(ClockOffset(0.1, 0.001, 0.006, 60.0), "", 0.02)["sync.offset"] == 0.1


def test_a_bag_with_lenses_and_tf_gives_the_pose_and_the_parallax(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    true = turned(1.2, -1.8, 0.9)
    bag, out = wall_bag(tmp_path / "bag", 6.0, true), tmp_path / "r.yaml"
    arguments = ["--bag", str(bag), "--rgb-topic", RGB, "--ir-topic", IR, "--out", str(out)]
    assert main([*arguments, "--distance", "6", "--offset", "0"]) == 0
    pose = read_pose(out)
    assert pose is not None
    assert np.abs(pose.rotation_matrix() - true.rotation_matrix()).max() < 0.003
    assert pose.translation == pytest.approx(SHIFT)
    told = capsys.readouterr().out
    assert "places, for 6 m\nparallax left: " in told and " px at 50 m" in told
    assert f"registration.file:={out} registration.distance:=6.0" in told
    assert cv2.imread(str(out.with_suffix(".png"))) is not None
    assert main([*arguments, "--pose", str(out), "--offset", "0"]) == 0
    with pytest.raises(SystemExit, match="1"):
        main([*arguments, "--pose", "/nowhere.yaml"])
    assert "/nowhere.yaml: No such file" in capsys.readouterr().err


def test_a_pose_that_cannot_be_used_without_lenses_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, pose = wall()[:240, :320], tmp_path / "pose.yaml"
    bag = write_messages(tmp_path / "bag", [(topic, IMAGE, grey(picture, BEGIN)) for topic in (RGB, IR)])
    pose.write_text(yaml.safe_dump(pose_values(Pose())))
    arguments = ["--bag", str(bag), "--rgb-topic", RGB, "--ir-topic", IR, "--offset", "0"]
    assert main([*arguments, "--out", str(tmp_path / "r.yaml"), "--pose", str(pose)]) == 0
    assert "--pose is not used: it takes the camera_info of both cameras" in capsys.readouterr().err


def test_without_tf_lenses_give_a_rotation_but_no_parallax(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_bag(rendered(), tmp_path / "bag", Timing(rate=5))
    out = tmp_path / "r.yaml"
    assert main(["--bag", str(tmp_path / "bag"), "--out", str(out), "--offset", "0"]) == 0
    told = capsys.readouterr()
    assert "the bag's tf does not lead from 'rgb_camera' to 'ir_camera'" in told.err
    assert "through the lenses they are" in told.out and "parallax" not in told.out
    pose = read_pose(out)
    assert pose is not None and np.abs(pose.rotation_matrix() - np.eye(3)).max() < 0.002


def rendered() -> FrameSource:
    """Three scenes through two cameras that are one and the same."""
    scenes = [RoadScene(SceneConfig(seed=seed, time="dusk")) for seed in range(3)]
    frames = (BagFrame(frame.rgb, frame.ir, None) for frame in (scene.frame(9) for scene in scenes))
    return FrameSource(frames, 3, matrix=scenes[0].camera.matrix())

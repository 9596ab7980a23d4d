"""What topics carry: cameras in doubt are asked for, and pictures that are none are named."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from mtvif_ros.calibration.command import main as calibrate
from mtvif_ros.recordings.extract import main as extract
from mtvif_ros.recordings.reader import BagError, BagReader
from mtvif_ros.recordings.topics import choose_cameras
from tests.mtvif_ros.recordings.tiny import BEGIN, DRIVE, IR, LABELS, RGB, Shot, drive, write


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


def test_labels_of_another_size_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write(tmp_path / "bag", drive(topics=(RGB, IR, LABELS)), sizes={LABELS: (3, 4)})
    with pytest.raises(SystemExit, match="1"):
        extract(["--bag", str(bag), "--out", str(tmp_path / "out")])
    assert f"the masks on {LABELS} have (3, 4) rows and columns" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_frame_that_cannot_be_read_leaves_no_label_alone(tmp_path: Path) -> None:
    shots = [
        shot._replace(encoding="odd") if (shot.topic, shot.value) == (IR, 4) else shot
        for shot in drive(topics=(RGB, IR, LABELS))
    ]
    out = tmp_path / "out"
    assert extract(["--bag", str(write(tmp_path / "bag", shots)), "--out", str(out), "--every", "1"]) == 3
    names = [sorted(path.name for path in (out / folder).iterdir()) for folder in ("vi", "ir", "labels")]
    assert len(names[0]) == 9 and names[0] == names[1] == names[2]

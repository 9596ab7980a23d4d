from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.classes import STREET, colour_table
from mtvif_ros.image import Image
from mtvif_ros.imaging.draw import overlay
from mtvif_ros.recordings.fuse import PICTURES, main
from mtvif_ros.synthetic import Frame

SIZE = (96, 64)
COUNT = 3


@pytest.fixture
def pairs(tmp_path: Path, night_frame: Frame) -> Path:
    """Three pairs, each brighter than the one before."""
    for name, picture in (("vi", night_frame.rgb[..., ::-1]), ("ir", night_frame.ir)):
        (tmp_path / "pairs" / name).mkdir(parents=True)
        small = np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        for number in range(COUNT):
            brighter = np.minimum(small, 200) + np.uint8(20 * number)
            cv2.imwrite(str(tmp_path / "pairs" / name / f"drive.{number}.png"), brighter)
    return tmp_path / "pairs"


@pytest.fixture
def videos(pairs: Path) -> list[str]:
    colours = [picture(path) for path in sorted((pairs / "vi").iterdir())]
    greys = [cv2.cvtColor(picture(path), cv2.COLOR_GRAY2BGR) for path in sorted((pairs / "ir").iterdir())]
    return [
        write_frames(pairs.parent / "vi.avi", [colour[..., ::-1].copy() for colour in colours], 12.5),
        write_frames(pairs.parent / "ir.avi", [np.asarray(grey, np.uint8) for grey in greys], 12.5),
    ]


def picture(path: Path) -> Image:
    """Return a file's pixels; colours R G B."""
    pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
    return pixels[..., ::-1] if pixels.ndim == 3 else pixels


def write_frames(path: Path, frames: list[Image], rate: float) -> str:
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, frames[0].shape[1::-1])
    for frame in frames:
        video.write(frame)
    video.release()
    return str(path)


def frames_of(path: Path) -> tuple[list[Image], float]:
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(np.asarray(read[1], np.uint8))
    return frames, video.get(cv2.CAP_PROP_FPS)


@pytest.mark.parametrize("form", ["pairs", "two folders", "videos"])
def test_a_folder_gets_every_picture_of_every_frame(
    form: str, pairs: Path, videos: list[str], tmp_path: Path, open_model: Path
) -> None:
    given = {"pairs": [str(pairs)], "two folders": [str(pairs / "vi"), str(pairs / "ir")], "videos": videos}
    out = tmp_path / "out"
    main([*given[form], "--out", str(out), "--model", str(open_model), "--backend", "onnxruntime"])
    names = [f"{number:06d}" for number in range(3)] if form == "videos" else [f"drive.{n}" for n in range(3)]
    folders = ("fused", "masks", "overlays")
    for folder in folders:
        assert sorted(path.name for path in (out / folder).iterdir()) == [f"{name}.png" for name in names]
    fused, mask, drawn = (picture(out / folder / f"{names[1]}.png") for folder in folders)
    assert fused.shape == (64, 96, 3) and mask.shape == (64, 96)
    np.testing.assert_array_equal(drawn, overlay(fused, mask, colour_table([one.rgb for one in STREET])))
    shown, rate = frames_of(out / "side_by_side.mp4")
    assert len(shown) == COUNT and shown[0].shape == (64, 4 * 96, 3)
    assert rate == pytest.approx(12.5 if form == "videos" else 30)


@pytest.mark.parametrize("show", PICTURES)
@pytest.mark.parametrize("suffix", ["mp4", "MKV", "avi"])
def test_a_video_shows_what_is_asked_for(
    show: str, suffix: str, videos: list[str], tmp_path: Path, open_model: Path
) -> None:
    out = tmp_path / f"made.{suffix}"
    options = ["--model", str(open_model), "--backend", "onnxruntime", "--rate", "20"]
    main([*videos, "--out", str(out), "--show", show, *options])
    shown, rate = frames_of(out)
    assert len(shown) == COUNT and rate == pytest.approx(20)
    assert shown[0].shape == (64, 96 * (4 if show == "side-by-side" else 1), 3)


def test_the_shipped_model_fuses_at_any_size(pairs: Path, tmp_path: Path) -> None:
    main([str(pairs), "--out", str(tmp_path / "out"), "--backend", "onnxruntime"])
    visible, fused = (
        picture(folder / "drive.2.png").astype(int) for folder in (pairs / "vi", tmp_path / "out" / "fused")
    )
    assert fused.mean() > visible.mean(), "infrared adds light at night"


def test_infrared_of_another_size_is_warped_onto_the_visible_grid(
    videos: list[str], tmp_path: Path, open_model: Path
) -> None:
    """The file moves infrared by half a frame; what it does not see is black."""
    warm = write_frames(tmp_path / "warm.avi", [np.full((32, 48, 3), 200, np.uint8)] * COUNT, 12.5)
    registration = tmp_path / "registration.yaml"
    registration.write_text(
        "homography: [[2, 0, 48], [0, 2, 0], [0, 0, 1]]\ninfrared_size: [48, 32]\nvisible_size: [96, 64]\n"
    )
    options = ["--model", str(open_model), "--backend", "onnxruntime", "--registration", str(registration)]
    out = tmp_path / "out.avi"
    main([videos[0], warm, "--out", str(out), "--show", "side-by-side", *options])
    shown, _ = frames_of(out)
    seen_ir = shown[0][4:-4, 96:188]
    assert seen_ir[:, :40].max() < 20 and seen_ir[:, 56:].min() > 180


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["nowhere"], "nowhere/vi does not exist"),
        (["pairs", "--out", "pairs"], "pairs: exists already; choose another --out"),
        (["pairs/vi/drive.0.png"], "drive.0.png: is no folder with vi/ and ir/; name the infrared video"),
        (["pairs", "--out", "out.mov"], "--out out.mov: a video must end in .mp4, .mkv, .avi"),
        (["no.mp4", "no.mp4"], "no.mp4 does not exist"),
        (["pairs/vi", "pairs/vi/drive.0.png"], "give two videos or two folders"),
        (["pairs", "--model", "no.onnx"], "model file no.onnx: no such file"),
        (["pairs", "--out", "pairs/vi/drive.0.png/video.mp4"], "drive.0.png"),
    ],
)
def test_what_cannot_be_fused_is_told_in_one_line(
    given: list[str],
    told: str,
    pairs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(pairs.parent)
    out = [] if "--out" in given else ["--out", "out"]
    with pytest.raises(SystemExit) as ended:
        main([*given, *out])
    assert ended.value.code == 1
    (line,) = (one for one in capsys.readouterr().err.splitlines() if "%" not in one)
    assert line.startswith("mtvif_fuse: ") and told in line


def test_videos_without_a_frame_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.avi"
    cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 64)).release()
    empty = str(path)
    with pytest.raises(SystemExit):
        main([empty, empty, "--out", str(tmp_path / "out.mp4")])
    assert "empty.avi" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_frames_before_a_damaged_one_are_kept(
    pairs: Path, tmp_path: Path, open_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pairs / "vi" / "drive.2.png").write_bytes(b"damaged")
    with pytest.raises(SystemExit):
        main(
            [
                str(pairs),
                "--out",
                str(tmp_path / "out"),
                "--model",
                str(open_model),
                "--backend",
                "onnxruntime",
            ]
        )
    told = capsys.readouterr().err
    assert "drive.2.png: not an image" in told and "side_by_side.mp4 holds the 2 frames before it" in told
    assert len(frames_of(tmp_path / "out" / "side_by_side.mp4")[0]) == 2


def test_nothing_is_left_where_no_frame_can_be_fused(
    pairs: Path, tmp_path: Path, open_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pairs / "vi" / "drive.0.png").write_bytes(b"damaged")
    options = ["--model", str(open_model), "--backend", "onnxruntime"]
    with pytest.raises(SystemExit):
        main([str(pairs), "--out", str(tmp_path / "out"), *options])
    assert "drive.0.png: not an image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def wide_pair(folder: Path, width: int, height: int = 16) -> Path:
    """One pair of a wide frame, beside the others."""
    for name in ("vi", "ir"):
        (folder / name).mkdir(parents=True)
        cv2.imwrite(str(folder / name / "one.png"), np.full((height, width), 99, np.uint8))
    return folder


def test_a_wide_folder_has_a_video_too(
    tmp_path: Path, open_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    main([str(wide_pair(tmp_path / "wide", 2100)), "--out", str(out), "--model", str(open_model)])
    (frame,), _ = frames_of(out / "side_by_side.mp4")
    assert 8000 < frame.shape[1] <= 8191
    assert picture(out / "masks" / "one.png").shape == (16, 2100)
    assert "pictures are made smaller" in caplog.text


def test_a_video_that_cannot_be_written_costs_no_image(
    pairs: Path, tmp_path: Path, open_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        # MPEG-4 cannot hold this rate.
        main([str(pairs), "--out", str(out), "--model", str(open_model), "--rate", "1e6"])
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "cannot be written as a video" in told and "the images are all there" in told
    assert len(list((out / "fused").iterdir())) == COUNT


def test_a_video_that_is_there_is_not_overwritten(
    videos: list[str], tmp_path: Path, open_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "kept.mp4"
    out.write_bytes(b"mine")
    with pytest.raises(SystemExit):
        main([*videos, "--out", str(out), "--model", str(open_model), "--backend", "onnxruntime"])
    assert f"{out}: exists already; choose another --out" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"


def test_a_rate_beyond_mpeg_4_is_rounded(videos: list[str], tmp_path: Path, open_model: Path) -> None:
    out = tmp_path / "out.mp4"
    main([*videos, "--out", str(out), "--model", str(open_model), "--rate", "66.667"])
    frames, rate = frames_of(out)
    assert len(frames) == COUNT and rate == pytest.approx(66.667, abs=0.01)


def test_names_with_colons_are_files(
    videos: list[str], tmp_path: Path, open_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path, name in zip(videos, ("12:30-vi.avi", "12:30-ir.avi")):
        Path(path).rename(name)
    main(["12:30-vi.avi", "12:30-ir.avi", "--out", "12:30-out.mp4", "--model", str(open_model)])
    assert len(frames_of(tmp_path / "12:30-out.mp4")[0]) == COUNT

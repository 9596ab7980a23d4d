"""Videos as users have them: other rates, lengths and depths; without counts, cut short, with holes."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.image import AnyImage
from mtvif_ros.imaging.codec import read_grey
from mtvif_ros.recordings.clip import read_clip, read_videos
from mtvif_ros.recordings.make_bag import main as make_bag
from mtvif_ros.recordings.reader import BagReader, stamp_of
from mtvif_ros.recordings.videos import scan_video
from mtvif_ros.recordings.writer import IR_TOPIC, RGB_TOPIC

WARM = (7000 + np.arange(48 * 64).reshape(48, 64) // 10).astype(np.uint16)


def greys(count: int) -> list[AnyImage]:
    """Frames whose grey level is four times their number."""
    return [np.full((48, 64), 4 * number, np.uint8) for number in range(count)]


def write(path: Path, frames: Sequence[AnyImage], rate: float = 10, codec: str = "FFV1") -> Path:
    options = [cv2.VIDEOWRITER_PROP_IS_COLOR, 0]
    if frames[0].dtype == np.uint16:
        options += [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U]
    code = cv2.VideoWriter.fourcc(*codec)
    video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, frames[0].shape[1::-1], options)
    if not video.isOpened():
        pytest.skip("this OpenCV writes no videos of 16 bits")
    for frame in frames:
        video.write(frame)
    video.release()
    return path


def test_infrared_of_sixteen_bits_keeps_them(tmp_path: Path) -> None:
    visible, infrared = write(tmp_path / "vi.mkv", greys(2)), write(tmp_path / "ir.mkv", [WARM, WARM + 50])
    stored = [ir for _, ir in read_videos(visible, infrared).frames]
    assert stored[0].tolist() == WARM.tolist() and stored[1].tolist() == (WARM + 50).tolist()
    seen = [ir for _, ir in read_clip(visible, infrared).frames]
    assert seen[0].dtype == np.uint8 and len(np.unique(seen[0])) > 200
    make_bag(["--videos", str(visible), str(infrared), "--out", str(tmp_path / "bag")])
    with BagReader(tmp_path / "bag", (IR_TOPIC,)) as reader:
        assert read_grey(next(iter(reader.records())).message()).tolist() == WARM.tolist()


def test_infrared_of_a_depth_that_opencv_cuts_is_refused(tmp_path: Path) -> None:
    """The PNG codec stores 16 bits with the high byte first."""
    visible, infrared = write(tmp_path / "vi.mkv", greys(1)), write(tmp_path / "ir.mkv", [WARM], codec="PNG ")
    with pytest.raises(ValueError, match=r"ir\.mkv: has more than 8 bits .* -pix_fmt gray16le"):
        next(read_clip(visible, infrared).frames)


@pytest.mark.parametrize("swapped", [False, True])
def test_videos_of_other_rates_and_lengths_are_paired_by_time(
    swapped: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fast, slow = write(tmp_path / "fast.mkv", greys(60), 30), write(tmp_path / "slow.mkv", greys(9), 9)
    clip = read_videos(slow, fast) if swapped else read_videos(fast, slow)
    read = [(rgb[0, 0, 0] // 4, ir[0, 0] // 4) for rgb, ir in clip.frames]
    numbers = [pair[::-1] if swapped else pair for pair in read]
    assert numbers == [(0, 0), (3, 1), (7, 2), (10, 3), (13, 4), (17, 5), (20, 6), (23, 7), (27, 8)]
    assert clip.count == 9 and clip.rate == pytest.approx(9, rel=0.01)
    assert "60 frames at 30 Hz" in caplog.text and "9 pairs are nearest in time" in caplog.text


def test_videos_that_agree_are_read_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = [write(tmp_path / name, greys(7), 29.97, "MJPG") for name in ("vi.avi", "ir.mkv")]
    clip = read_clip(*paths)
    assert clip.count == len(list(clip.frames)) == 7 and clip.rate == pytest.approx(29.97, rel=0.01)
    assert not caplog.text


def test_a_bag_of_videos_has_their_rate(tmp_path: Path) -> None:
    paths = [str(write(tmp_path / name, greys(4), 12.5)) for name in ("vi.mkv", "ir.mkv")]
    make_bag(["--videos", *paths, "--out", str(tmp_path / "bag")])
    with BagReader(tmp_path / "bag", (RGB_TOPIC,)) as reader:
        stamps = [stamp_of(record.raw) for record in reader.records()]
    assert np.diff(stamps) == pytest.approx([80_000_000] * 3, abs=300)


def test_frames_are_counted_where_the_file_does_not_say_how_many(tmp_path: Path) -> None:
    path = tmp_path / "stream.mjpeg"
    path.write_bytes(b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in greys(5)))
    make_bag(["--videos", str(path), str(path), "--out", str(tmp_path / "bag")])
    with BagReader(tmp_path / "bag", (RGB_TOPIC, IR_TOPIC)) as reader:
        assert len(list(reader.records())) == 10


@pytest.mark.parametrize(("suffix", "codec"), [("avi", "MJPG"), ("mkv", "FFV1"), ("mkv", "mp4v")])
def test_a_video_that_is_cut_short_is_refused(suffix: str, codec: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"vi.{suffix}", greys(60), codec=codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"vi\.{suffix}: ends after .* of 6\.0 s; it is cut short"):
        scan_video(path)


def test_infrared_in_false_colours_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    jet = [cv2.applyColorMap(WARM.astype(np.uint8), cv2.COLORMAP_JET) for _ in range(3)]
    path = tmp_path / "ir.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for frame in jet:
        video.write(frame)
    video.release()
    assert len(list(read_clip(path, path).frames)) == 3
    (told,) = caplog.messages
    assert told.startswith(f"{path}: infrared comes in colours")

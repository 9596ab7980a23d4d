from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training import tiny
from training.config import VideoSource
from training.data.mixture import load_sources
from training.data.videos import video_paths, video_samples

SETS = tiny.street_sets()


def write(path: Path, frames: int = 7, size: tuple[int, int] = (96, 64)) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, size)
    for number in range(frames):
        writer.write(np.full((size[1], size[0], 3), (200, 100, 30 * number), np.uint8))
    writer.release()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    for path in video_paths(tmp_path / "drive"):
        write(path)
    return tmp_path / "drive"


def test_every_third_pair_of_frames_becomes_a_sample_without_labels(video: Path) -> None:
    samples = video_samples(video, every=3, sets=SETS)
    assert [sample.name for sample in samples] == ["drive_0", "drive_3", "drive_6"]
    for number, sample in zip((0, 3, 6), samples, strict=True):
        assert sample.rgb.shape == (64, 96, 3) and sample.ir.shape == (64, 96)
        assert np.abs(sample.rgb.mean((0, 1)) - (30 * number, 100, 200)).max() < 6
        assert (sample.allowed == SETS.every).all()


def test_classes_that_a_video_does_not_show_are_forbidden_in_it(video: Path) -> None:
    wanted = VideoSource(video=video.name, every=7, share=1.0, absent=("car",))
    ((sample,),) = (source.samples for source in load_sources([wanted], video.parent, SETS))
    assert (sample.allowed == SETS.number(set(range(9)) - {1})).all()


def test_files_that_cannot_be_used_are_named(video: Path) -> None:
    infrared = video_paths(video)[1]
    write(infrared, size=(64, 64))
    with pytest.raises(ValueError, match=r"drive_ir\.mp4: frames of \(64, 64\), those of drive_vi\.mp4"):
        video_samples(video, every=1, sets=SETS)
    infrared.write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"drive_ir\.mp4: not a video"):
        video_samples(video, every=1, sets=SETS)
    infrared.unlink()
    with pytest.raises(FileNotFoundError, match=r"drive_ir\.mp4 does not exist"):
        video_samples(video, every=1, sets=SETS)
    with pytest.raises(ValueError, match=r"1 files cannot be used:\n.*drive_ir\.mp4"):
        load_sources([VideoSource(video="drive", share=1.0)], video.parent, SETS)

from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.recordings.clip import read_clip


def test_two_folders_give_their_frames_in_order(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), np.full((8, 8), 40 * number, np.uint8))
    clip = read_clip(tmp_path / "a", tmp_path / "b")
    frames = list(clip.frames)
    assert clip.count == 3
    assert [(int(rgb[0, 0, 1]), int(ir[0, 0])) for rgb, ir in frames] == [(0, 0), (40, 40), (80, 80)]


def test_a_folder_beside_a_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give two videos or two folders"):
        read_clip(tmp_path, tmp_path / "ir.mp4")


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"vi\.mp4 does not exist"):
        read_clip(tmp_path / "vi.mp4", tmp_path / "ir.mp4")

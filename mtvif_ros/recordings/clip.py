"""Read a clip of two cameras from two videos or from two folders of images."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mtvif_ros.image import AnyImage, Image
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.pairing.stamps import in_ns
from mtvif_ros.recordings.pair_folder import load_stored_pair, pair_folders
from mtvif_ros.recordings.pairs import mutual_nearest
from mtvif_ros.recordings.videos import infrared_frames, scan_video, visible_frames

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """Hold frames, rgb (H, W, 3) uint8 and ir (h, w), their number and names.

    rate: in Hz; None for folders.
    """

    frames: Iterator[tuple[Image, AnyImage]]
    count: int
    names: list[str]
    rate: float | None = None


def read_clip(visible: Path, infrared: Path) -> Clip:
    """Read two videos, or two folders of images in the order of their names; ir becomes uint8.

    Raises what read_videos, pair_folders and load_stored_pair raise.
    """
    if visible.is_dir() != infrared.is_dir():
        raise ValueError(f"{visible} and {infrared}: give two videos or two folders")
    clip = _read_folders(visible, infrared) if visible.is_dir() else read_videos(visible, infrared)
    thermal = ThermalScaler()
    return replace(clip, frames=((rgb, thermal(ir)) for rgb, ir in clip.frames))


def read_videos(visible: Path, infrared: Path) -> Clip:
    """Read two videos that begin together, paired by time; ir is uint8 or uint16, as it is stored.

    The videos may differ in length and rate: frames that are each other's nearest make a pair, and a warning
    tells of others. Raises what scan_video and infrared_frames raise.
    """
    rgb, ir = scan_video(visible), scan_video(infrared)
    rate = min(rgb.rate, ir.rate)
    pairs = mutual_nearest(rgb.stamps, ir.stamps, in_ns(1 / rate))
    if len(pairs) < max(len(rgb.stamps), len(ir.stamps)):
        named = (f"{one.path} has {len(one.stamps)} frames at {one.rate:.4g} Hz" for one in (rgb, ir))
        _log.warning("%s; %d pairs are nearest in time, the rest is left out", ", ".join(named), len(pairs))
    numbers = [{stamp: number for number, stamp in enumerate(one.stamps)} for one in (rgb, ir)]
    frames = zip(
        visible_frames(rgb, [numbers[0][stamp] for stamp, _ in pairs]),
        infrared_frames(ir, [numbers[1][stamp] for _, stamp in pairs]),
        strict=True,
    )
    return Clip(frames, len(pairs), [f"{number:06d}" for number in range(len(pairs))], rate)


def _read_folders(visible: Path, infrared: Path) -> Clip:
    pairs = pair_folders(visible, infrared)
    return Clip(map(load_stored_pair, pairs), len(pairs), [files.name for files in pairs])

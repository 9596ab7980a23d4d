"""Make a rosbag2 of two cameras from images, videos or rendered scenes.

mtvif_make_bag --pairs FOLDER --out BAG
mtvif_make_bag --videos VISIBLE INFRARED --out BAG
mtvif_make_bag --rendered SECONDS --time night --out BAG
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtvif_ros.command_line import command_parser, finite_number, positive_number, told_plainly, whole_number
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.parallel import in_processes
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.clip import read_videos
from mtvif_ros.recordings.pair_folder import find_pairs, load_mask, load_stored_pair
from mtvif_ros.recordings.timing import Timing, moments
from mtvif_ros.recordings.videos import RATE
from mtvif_ros.recordings.writer import STORAGES, BagFrame, PairBagWriter
from mtvif_ros.synthetic import RoadScene, SceneConfig
from mtvif_ros.synthetic.camera import Camera
from mtvif_ros.synthetic.light import TIMES

_WORTH_PROCESSES = 150  # frames; fewer are rendered before processes have started


@dataclass(frozen=True)
class FrameSource:
    """Hold frames, their number and, where known, their rate in Hz and the camera matrix K (3, 3)."""

    frames: Iterator[BagFrame]
    count: int
    rate: float | None = None
    matrix: npt.NDArray[np.float64] | None = None


def from_pairs(folder: Path) -> FrameSource:
    """Read a folder of pairs in the order of their names; infrared of 16 bits keeps them.

    Raises what find_pairs and load_stored_pair raise.
    """
    pairs, thermal = find_pairs(folder), ThermalScaler()

    def frames() -> Iterator[BagFrame]:
        for files in pairs:
            rgb, ir = load_stored_pair(files)
            yield BagFrame(rgb, ir if ir.dtype == np.uint16 else thermal(ir), load_mask(files, ir))

    return FrameSource(frames(), len(pairs))


def from_videos(visible: Path, infrared: Path) -> FrameSource:
    """Read two videos, paired by time; infrared of 16 bits keeps them. Raises what read_videos raises."""
    clip = read_videos(visible, infrared)
    return FrameSource((BagFrame(rgb, ir, None) for rgb, ir in clip.frames), clip.count, clip.rate)


def from_rendered(config: SceneConfig, seconds: float) -> FrameSource:
    """Render a drive of `seconds` at the scene's frame rate, a long one in a process per core.

    Raises ValueError if it has no frame.
    """
    count = round(seconds * config.rate)
    if count < 1:
        raise ValueError(f"--rendered {seconds:g}: is no frame at {config.rate:g} Hz; render longer")
    render = partial(_rendered, config)
    frames = in_processes(render, range(count)) if count >= _WORTH_PROCESSES else map(render, range(count))
    return FrameSource(frames, count, config.rate, Camera(config.width, config.height).matrix())


def _rendered(config: SceneConfig, index: int) -> BagFrame:
    return BagFrame(*_scene(config).frame(index))


@lru_cache(maxsize=1)
def _scene(config: SceneConfig) -> RoadScene:
    return RoadScene(config)


def make_bag(source: FrameSource, path: Path, timing: Timing, storage: str = "mcap") -> None:
    """Write all frames of a source as a bag at `path`. Raises what PairBagWriter raises."""
    with PairBagWriter(path, storage, source.matrix) as writer:
        frames = tracked(source.frames, str(path), source.count, "frame")
        for frame, moment in zip(frames, moments(timing)):
            writer.write(frame, moment)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("mtvif_make_bag", __doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--pairs", type=Path, metavar="FOLDER", help="images in vi/ and ir/, optionally labels/"
    )
    source.add_argument("--videos", type=Path, nargs=2, metavar=("VISIBLE", "INFRARED"), help="two videos")
    source.add_argument("--rendered", type=positive_number, metavar="SECONDS", help="render a drive")
    parser.add_argument("--out", type=Path, required=True, help="the new bag, a folder")
    parser.add_argument("--storage", choices=STORAGES, default="mcap", help="default mcap")
    parser.add_argument(
        "--rate", type=positive_number, help="frames per second; default: the videos' own, or 30"
    )
    parser.add_argument(
        "--jitter", type=finite_number, default=0.0, help="standard deviation of the stamps, in s; default 0"
    )
    parser.add_argument("--dropped", type=finite_number, default=0.0, help="share of frames to drop, 0..1")
    parser.add_argument(
        "--offset", type=finite_number, default=0.0, help="infrared minus visible clock, in s"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="seed of jitter, drops and scene")
    scene = parser.add_argument_group("rendered scenes")
    scene.add_argument("--time", choices=sorted(TIMES), default="dusk", help="time of day; default dusk")
    scene.add_argument(
        "--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"), help="default 640 480"
    )
    scene.add_argument(
        "--smoke", type=finite_number, default=0.0, help="density of smoke in the street, 0..1"
    )
    scene.add_argument(
        "--misaligned", type=finite_number, default=0.0, help="shift of infrared, in px; default 0"
    )
    return parser


def _source(options: argparse.Namespace) -> FrameSource:
    if options.pairs:
        return from_pairs(options.pairs)
    if options.videos:
        return from_videos(*options.videos)
    config = SceneConfig(
        seed=options.seed,
        time=options.time,
        width=options.size[0],
        height=options.size[1],
        rate=options.rate or RATE,
        misaligned=options.misaligned,
        smoke=options.smoke,
    )
    return from_rendered(config, options.rendered)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        source = _source(options)
        timing = Timing(
            rate=options.rate or source.rate or RATE,
            jitter=options.jitter,
            dropped=options.dropped,
            offset=options.offset,
            seed=options.seed,
        )
        make_bag(source, options.out, timing, options.storage)


if __name__ == "__main__":
    main()

"""Fuse and segment two videos or two folders of images, without ROS.

mtvif_fuse vi.mp4 ir.mp4 --out fused.mp4                          the fused video
mtvif_fuse vi.mp4 ir.mp4 --out both.mp4 --show side-by-side
mtvif_fuse vi/ ir/ --out results                                  images, and a video that shows all
mtvif_fuse pairs/ --out results                                   pairs/ holds vi/ and ir/

A folder RESULTS gets fused/NAME.png, masks/NAME.png (class indices), overlays/NAME.png and side_by_side.mp4.
The command never overwrites a file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mtvif_ros.command_line import command_parser, frame_size, positive_number, told_plainly
from mtvif_ros.engines import BACKENDS, shipped_model
from mtvif_ros.image import Image
from mtvif_ros.imaging.draw import overlay, side_by_side
from mtvif_ros.imaging.files import write_picture
from mtvif_ros.imaging.fuse import Fuser
from mtvif_ros.imaging.registration import Registration, read_registration
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.clip import Clip, read_clip
from mtvif_ros.recordings.videos import RATE, new_video

# Of rgb, ir, fused and mask, all of one size, and a colour_table.
Picture = Callable[[Image, Image, Image, Image, Image], Image]

PICTURES: dict[str, Picture] = {
    "fused": lambda rgb, ir, fused, mask, colours: fused,
    "mask": lambda rgb, ir, fused, mask, colours: colours[mask],
    "overlay": lambda rgb, ir, fused, mask, colours: overlay(fused, mask, colours),
    "side-by-side": side_by_side,
}
_CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
_UNWRITTEN = (".mov", ".m4v", ".webm", ".wmv", ".mpg", ".mpeg", ".flv", ".ts", ".gif")
_LARGEST = {"mp4v": 8190, "MJPG": 65500}  # px that each holds across and down
_log = logging.getLogger(__name__)


class FusedFrame(NamedTuple):
    """Hold what a network took and gave, all of one size, and its colours: the arguments of a Picture."""

    rgb: Image
    ir: Image
    fused: Image
    mask: Image
    colours: Image


def fuse_clip(fuser: Fuser, clip: Clip, registration: Registration) -> Iterator[FusedFrame]:
    """Fuse every frame of a clip. Raises what the clip and the fuser raise."""
    for rgb, ir in clip.frames:
        size = (rgb.shape[1], rgb.shape[0])
        aligned = registration(ir, size, size)
        fused, mask, _ = fuser(rgb, aligned)
        yield FusedFrame(rgb, aligned, fused, mask, fuser.colours)


def write_video(frames: Iterable[FusedFrame], show: str, rate: float, out: Path) -> None:
    """Write one video, at `rate` in Hz, of the pictures that `show`, a name in PICTURES, asks for.

    Raises FileExistsError if `out` exists, and OSError if it cannot be written. What was written before an
    error stays whole, and the error says so.
    """
    with _video(out, rate) as write:
        for one in frames:
            write(PICTURES[show](*one))


def write_folder(frames: Iterable[FusedFrame], names: Iterable[str], rate: float, out: Path) -> None:
    """Write a new folder of images called `names`, and a video of all. Raises what write_video raises.

    Where only the video cannot be written, all images are.
    """
    if out.exists():
        raise FileExistsError(f"{out}: exists already; choose another --out")
    problem: OSError | None = None
    with _video(out / "side_by_side.mp4", rate) as write:
        for one, name in zip(frames, names):
            write_picture(out / "fused" / f"{name}.png", one.fused)
            write_picture(out / "masks" / f"{name}.png", one.mask)
            write_picture(out / "overlays" / f"{name}.png", overlay(one.fused, one.mask, one.colours))
            if problem is None:
                try:
                    write(side_by_side(*one))
                except OSError as error:
                    problem = error
    if problem is not None:
        raise OSError(f"{problem}; the images are all there") from problem


@contextmanager
def _video(path: Path, rate: float) -> Iterator[Callable[[Image], None]]:
    """Yield a function that appends a picture (H, W, 3), R G B, to a new video.

    Pictures beyond what the video can hold are made smaller, which a warning tells.
    """
    if path.exists():
        raise FileExistsError(f"{path}: exists already; choose another --out")
    codec = _CODECS[path.suffix.lower()]
    video: list[cv2.VideoWriter] = []
    sizes: list[tuple[int, int]] = []

    def write(picture: Image) -> None:
        size = _fitting(picture.shape[1], picture.shape[0], codec)
        if not video:
            path.parent.mkdir(parents=True, exist_ok=True)
            if size[0] < picture.shape[1]:
                _log.warning("%s: pictures are made smaller, %dx%d, to fit into it", path, *size)
            video.append(new_video(path, codec, rate, size))
            if not video[0].isOpened():
                raise OSError(f"{path}: cannot be written as a video; check the folder and the disk")
        sizes.append(size)
        if picture.shape[1::-1] != sizes[0]:
            # Folders may hold frames of several sizes, a video has one.
            picture = np.asarray(cv2.resize(picture, sizes[0], interpolation=cv2.INTER_AREA), np.uint8)
        video[0].write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    try:
        yield write
    except (OSError, ValueError) as error:
        if not sizes:
            raise
        raise ValueError(f"{error}; {path} holds the {len(sizes)} frames before it") from error
    finally:
        for one in video:
            one.release()


def _fitting(width: int, height: int, codec: str) -> tuple[int, int]:
    """Return the size at which a codec can hold a picture, at most its own."""
    scale = _LARGEST[codec] / max(width, height)
    if scale >= 1:
        return width, height
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("mtvif_fuse", __doc__)
    parser.add_argument("visible", type=Path, help="video, folder of images, or folder with vi/ and ir/")
    parser.add_argument("infrared", type=Path, nargs="?", help="video or folder, unless the first has both")
    parser.add_argument("--out", type=Path, required=True, help=f"folder, or video: {', '.join(_CODECS)}")
    parser.add_argument("--show", choices=PICTURES, help="what a video shows; default: fused")
    parser.add_argument("--model", type=Path, help="model file; default: the shipped one")
    parser.add_argument("--backend", default="auto", choices=("auto", *BACKENDS), help="engine; default auto")
    parser.add_argument("--size", type=frame_size, help="HEIGHTxWIDTH to compute; default: the frames' own")
    parser.add_argument("--registration", type=Path, help="file that mtvif_calibrate wrote")
    parser.add_argument(
        "--rate", type=positive_number, help="of the video, in Hz; default: the input's, or 30"
    )
    options = parser.parse_args(arguments)
    is_video = options.out.suffix.lower() in _CODECS
    if options.show and not is_video:
        parser.error("--show applies to a video; a folder gets every picture")
    if options.out.suffix.lower() in _UNWRITTEN:
        parser.error(f"--out {options.out}: a video must end in {', '.join(_CODECS)}")
    with told_plainly(parser):
        visible, infrared = options.visible, options.infrared
        if infrared is None and visible.is_file():
            raise ValueError(f"{visible}: is no folder with vi/ and ir/; name the infrared video behind it")
        clip = read_clip(visible, infrared) if infrared else read_clip(visible / "vi", visible / "ir")
        rate = options.rate or clip.rate or RATE
        registration = read_registration(options.registration) if options.registration else Registration()
        model = options.model or shipped_model(options.backend)
        fused = fuse_clip(Fuser(model, options.backend, options.size), clip, registration)
        frames = tracked(fused, str(options.out), clip.count, "frame")
        if is_video:
            write_video(frames, options.show or "fused", rate, options.out)
        else:
            write_folder(frames, clip.names, rate, options.out)
    print(f"wrote {options.out}: {clip.count} frames")


if __name__ == "__main__":
    main()

"""Estimate the offset of the cameras' clocks and the registration of infrared, without a calibration target.

mtvif_calibrate --bag BAG --out registration.yaml

Writes the homography for the node's parameter `registration.file`, with the value of `sync.offset`, and,
beside it, a picture to judge it by: a checkerboard of both cameras before and after the registration. Where
the bag has both camera_info, it also writes the cameras' pose, which begins with that of tf or of --pose, for
`registration.distance`. Exit code 3: only a part of the bag could be read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.calibration.align import Alignment, AlignmentError, GreyPair, estimate_alignment
from mtvif_ros.calibration.clock import ClockError, ClockOffset, find_offset
from mtvif_ros.calibration.rig import Refined, refine_rig
from mtvif_ros.calibration.track import Track, read_tracks
from mtvif_ros.command_line import command_parser, positive_number, told_plainly, whole_number
from mtvif_ros.image import Image
from mtvif_ros.imaging.codec import read_rgb
from mtvif_ros.imaging.files import write_picture
from mtvif_ros.imaging.lenses import LensError, LensRegistration, Pose, pose_values, read_pose
from mtvif_ros.imaging.registration import Registration, Warp, write_registration
from mtvif_ros.imaging.resize import scaled
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.names import with_ending
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.arguments import add_bag_arguments, tell_remarks, tell_rest
from mtvif_ros.recordings.pairs import decoded_pairs, find_stamp_pairs
from mtvif_ros.recordings.reader import BagReader
from mtvif_ros.recordings.rig import read_cameras, read_tf
from mtvif_ros.recordings.topics import choose_cameras

_TILE = 60  # px, of the checkerboard
_POOR = 3.0  # px
_DIFFERENT = 0.05  # of the width: then cells of the two pictures show different things
_TOLD = (2.0, 5.0, 10.0, 50.0)  # m, distances whose parallax is told
_WORSE = 0.5  # px, by which lenses may fit worse than a homography, which bends to the scene
_REPAIRED = 0.005  # s, a change of the clocks' offset that is worth another alignment


def sample_pairs(
    bag: BagReader, topics: tuple[str, str], count: int, slop: float, offset: float
) -> list[GreyPair]:
    """Return at most `count` grey pairs, spread evenly over a bag; `slop` and `offset` are in s.

    Raises BagError if the bag has no pair and ImageFormatError if it has no readable one.
    """
    pairs = find_stamp_pairs(bag, topics, slop, offset)
    chosen = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, count).round().astype(int))]
    thermal = ThermalScaler(follow=1.0)
    decoded = tracked(decoded_pairs(bag, topics, chosen, read_rgb), "read", len(chosen), "pair")
    return [
        (np.asarray(cv2.cvtColor(visible, cv2.COLOR_RGB2GRAY), np.uint8), thermal(infrared))
        for _, visible, infrared in decoded
    ]


def checkerboard(visible: Image, infrared: Image) -> Image:
    """Return a checkerboard (H, W) of two images (H, W); aligned edges continue from tile to tile."""
    rows, columns = (np.arange(side) // _TILE for side in visible.shape)
    return np.where((rows[:, None] + columns) % 2 == 0, visible, infrared)


def _picture(pairs: Sequence[GreyPair], registration: Warp) -> Image:
    visible, infrared = pairs[len(pairs) // 2]
    size = (visible.shape[1], visible.shape[0])
    light, heat = (np.asarray(cv2.createCLAHE(3.0).apply(image), np.uint8) for image in (visible, infrared))
    before = checkerboard(light, scaled(heat, size))
    after = checkerboard(light, registration(heat, size, size))
    for picture, title in ((before, "before"), (after, "after")):
        for colour, thick in ((0, 4), (255, 1)):
            cv2.putText(picture, title, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, thick, cv2.LINE_AA)
    return np.hstack((before, after))


def _describe(alignment: Alignment, frames: int) -> dict[str, float | int]:
    return {
        "residual_median_px": round(float(np.median(alignment.residuals)), 2),
        "residual_p90_px": round(float(np.percentile(alignment.residuals, 90)), 2),
        "places_agreeing": len(alignment.residuals),
        "places_seen": alignment.cells,
        "frames": frames,
    }


def _align(path: Path, pairs: Sequence[GreyPair]) -> tuple[Alignment, Registration]:
    try:
        alignment = estimate_alignment(pairs)
    except cv2.error as error:
        raise AlignmentError(f"bag {path}: its frames cannot be aligned: {error.err}") from error
    (height, width), (rows, columns) = pairs[0][0].shape, pairs[0][1].shape
    homography = tuple(float(value) for value in alignment.homography.ravel())
    return alignment, Registration(homography, (columns, rows), (width, height))


def _differs(registration: Registration) -> bool:
    """Say whether the cameras' fields of view differ."""
    (width, height), (columns, rows) = (
        registration.visible_size or (1, 1),
        registration.infrared_size or (1, 1),
    )
    share = np.array([[[x, y]] for x in (0.0, 1.0) for y in (0.0, 1.0)])
    moved = cv2.perspectiveTransform(share * (columns, rows), registration.matrix())
    return bool(np.abs(moved - share * (width, height)).max() > _DIFFERENT * width)


def _compare(
    tracks: tuple[Track, Track, float], registration: Registration | None = None
) -> tuple[ClockOffset | None, str]:
    """Return the offset of the clocks, or why there is none."""
    visible, infrared, guess = tracks
    try:
        return find_offset(
            visible, infrared.registered(registration) if registration else infrared, guess
        ), ""
    except ClockError as error:
        return None, str(error)


def _tell_clocks(
    clock: ClockOffset | None, why: str, slop: float, by_arrival: bool = False
) -> dict[str, float]:
    """Tell what is known of the clocks, or of the times of arrival; return what the file says of them."""
    if clock is None:
        print(f"the cameras' clocks are not compared: {why}", file=sys.stderr)
        return {}
    order = "after" if clock.offset > 0 else "before"
    print(
        f"infrared {'frames arrive' if by_arrival else 'stamps are'} {abs(clock.offset) * 1e3:.1f} ± "
        f"{clock.uncertainty * 1e3:.1f} ms {order} the visible ones of the same moment"
    )
    if by_arrival:
        return {}  # sync.offset is of stamps
    if clock.drift:
        print(
            f"the clocks drift by {clock.drift * 1e3:.1f} ms over these {clock.seconds:.0f} s: "
            "synchronise them, such as by PTP, or set sync.by:=arrival",
            file=sys.stderr,
        )
    if abs(clock.drift) > slop:
        print("so one sync.offset is useless, and none is written", file=sys.stderr)
        return {}
    return {
        "sync.offset": round(clock.offset, 5),
        "sync.offset_uncertainty": round(clock.uncertainty, 5),
    }


def _through_lenses(
    bag: BagReader,
    topics: tuple[str, str],
    pairs: Sequence[GreyPair],
    rough: Registration,
    given: Pose | None,
    distance: float,
) -> Refined | None:
    """Return the registration through the lenses of the bag's camera_info; tell why there is none."""
    try:
        visible, infrared = read_cameras(bag, topics)
        if visible is None or infrared is None:
            if given:
                print("--pose is not used: it takes the camera_info of both cameras", file=sys.stderr)
            return None
        pose = given or read_tf(bag, visible.frame_id, infrared.frame_id)
        rig = LensRegistration(visible.lens, infrared.lens, pose or Pose(), distance)
        for lens, size, topic in (
            (visible.lens, rough.visible_size, topics[0]),
            (infrared.lens, rough.infrared_size, topics[1]),
        ):
            if lens.size != size:
                raise LensError(f"{topic}: has frames of (width, height) {size}, its camera_info {lens.size}")
        refined = refine_rig(pairs, rig, rough)
    except (AlignmentError, LensError) as error:
        print(f"no pose is found, only the homography: {error}", file=sys.stderr)
        return None
    if pose is None:
        print(
            f"the bag's tf does not lead from {visible.frame_id!r} to {infrared.frame_id!r}: the translation "
            "is taken as zero, and no parallax can be told; give --pose",
            file=sys.stderr,
        )
    return refined


def _tell_lenses(refined: Refined, alignment: Alignment) -> dict[str, object]:
    """Tell how well the lenses fit; return what the file says of them, if as good as a homography."""
    registration, left = refined.registration, float(np.median(refined.residuals))
    print(
        f"through the lenses they are {left:.2f} px apart (median) at {len(refined.residuals)} places, for "
        f"{registration.distance:g} m"
    )
    if any(registration.pose.translation):
        apart = (f"{registration.parallax(far):.1f} px at {far:g} m" for far in _TOLD)
        print(f"parallax left: {', '.join(apart)}")
    if left > np.median(alignment.residuals) + _WORSE:
        print(
            "so the homography fits better, and no pose is written; check camera_info, tf and --distance",
            file=sys.stderr,
        )
        return {}
    return {**pose_values(registration.pose), "distance": registration.distance}


def _pose_in(path: Path) -> Pose:
    pose = read_pose(path)
    if pose is None:
        raise LensError(f"{path}: has no pose; write its rotation and translation")
    return pose


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the module's docstring lists the exit codes."""
    parser = command_parser("mtvif_calibrate", __doc__)
    add_bag_arguments(parser, finds_offset=True)
    parser.add_argument("--out", type=Path, required=True, help="the yaml file to write")
    parser.add_argument(
        "--frames", type=whole_number(1), default=40, help="number of pairs to use; default 40"
    )
    parser.add_argument("--pose", type=Path, help="file with the cameras' pose; default: from the bag's tf")
    parser.add_argument(
        "--distance",
        type=positive_number,
        default=10.0,
        help="of the scene, in m, where lenses are known; default 10",
    )
    options = parser.parse_args(arguments)
    if options.out.is_dir():
        parser.error(f"--out {options.out}: is a folder; name a yaml file")
    with told_plainly(parser), BagReader(options.bag, by_arrival=options.arrival) as bag:
        topics = choose_cameras(bag, options.rgb_topic, options.ir_topic)
        pose = _pose_in(options.pose) if options.pose else None
        tracks = read_tracks(bag, topics) if options.offset is None else None
        clock, why = _compare(tracks) if tracks else (None, "")
        used = clock.offset if clock else options.offset or 0.0
        pairs = sample_pairs(bag, topics, options.frames, options.slop, used)
        tell_remarks(bag, parser.prog)  # they may be why there is no alignment
        alignment, registration = _align(options.bag, pairs)
        if tracks and (clock is None or _differs(registration)):
            better, reason = _compare(tracks, registration)
            clock, why = (better or clock), why and reason
            if clock and abs(clock.offset - used) > _REPAIRED:
                pairs = sample_pairs(bag, topics, options.frames, options.slop, clock.offset)
                alignment, registration = _align(options.bag, pairs)
        found = _tell_clocks(clock, why, options.slop, bag.by_arrival) if tracks else {}
        refined = _through_lenses(bag, topics, pairs, registration, pose, options.distance)
        quality = _describe(alignment, len(pairs))
        print(
            f"edges of the two cameras are {quality['residual_median_px']} px apart (median; 90 % are within "
            f"{quality['residual_p90_px']} px) at {quality['places_agreeing']} of {quality['places_seen']} "
            f"places, over {len(pairs)} frames of {topics[0]} and {topics[1]}"
        )
        if quality["residual_median_px"] > _POOR:
            print("this is poor: the scene may be too near, or the cameras too far apart", file=sys.stderr)
        lenses = _tell_lenses(refined, alignment) if refined else {}
        laid = refined.registration if refined and lenses else registration
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_registration(options.out, registration, quality | found | lenses)
        picture = with_ending(options.out, ".png", (".yaml", ".yml"))
        write_picture(picture, _picture(pairs, laid))
        values = {"registration.file": options.out.resolve(), "registration.distance": lenses.get("distance")}
        values["sync.offset"] = found.get("sync.offset")
        values["sync.by"] = "arrival" if bag.by_arrival else None
        shown = " ".join(f"{name}:={value}" for name, value in values.items() if value is not None)
        print(f"wrote {options.out}; look at {picture}, then set {shown}")
        return tell_rest(bag, parser.prog)


if __name__ == "__main__":
    sys.exit(main())

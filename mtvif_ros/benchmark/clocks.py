"""Measure how well mtvif_calibrate finds the offset of two clocks, where it is known.

python -m mtvif_ros.benchmark.clocks
python -m mtvif_ros.benchmark.clocks --clip VISIBLE INFRARED

Renders drives with offsets of up to half a second. The offset of a clip is unknown: its stamps are shifted by
known amounts, frames are left out, and each result is compared with that of the whole clip, unshifted. Where
a codec repeats parts of frames, leaving out every second one moves what is shown in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtvif_ros.calibration.clock import ClockError, find_offset
from mtvif_ros.calibration.track import Track, small_grey
from mtvif_ros.command_line import command_parser, positive_number, told_plainly
from mtvif_ros.recordings.videos import Video, infrared_frames, scan_video, visible_frames
from mtvif_ros.synthetic import RoadScene, SceneConfig

_OFFSETS = (-0.5, -0.123, 0.0, 0.031, 0.5)  # s
_RATES = ((30, 30), (30, 9), (60, 25))  # Hz, visible and infrared
_MOMENTS = 900.0  # a second, of which each camera takes some: a multiple of all rates
_LATER = 11  # of these moments, by which infrared frames are taken later than visible ones


class Found(NamedTuple):
    """Hold the error of one offset and its standard error as told, in s; NaN where no offset was found."""

    error: float
    told: float


def rendered(config: SceneConfig, rate: int, seconds: float, is_visible: bool) -> Track:
    """Render what one camera sees at `rate` Hz."""
    scene = RoadScene(config)
    step = round(_MOMENTS / rate)
    moments = range(0 if is_visible else _LATER, round(seconds * _MOMENTS), step)
    frames = (scene.frame(moment) for moment in moments)
    small = [small_grey(frame.rgb if is_visible else frame.ir) for frame in frames]
    return Track(np.array(moments) / _MOMENTS, np.array(small))


def on_rendered(seconds: float, misaligned: float) -> Iterator[tuple[str, list[Found]]]:
    """Yield for each pair of rates and time of day how the offsets are found."""
    for number, time in enumerate(("day", "dusk", "night")):
        config = SceneConfig(number + 1, time, rate=_MOMENTS, misaligned=misaligned)
        eyes = {rate: rendered(config, rate, seconds, True) for rate in (30, 60)}
        for light, heat in _RATES:
            track = rendered(config, heat, seconds, False)
            yield f"{time}, {light} and {heat} Hz", [_found(eyes[light], track, off) for off in _OFFSETS]


def on_clip(visible: Path, infrared: Path) -> Iterator[tuple[str, list[Found]]]:
    """Yield for each way to thin a clip out how its shifts are found."""
    light, heat = _read(scan_video(visible), True), _read(scan_video(infrared), False)
    own = find_offset(light, heat)
    name = f"{visible.name} ({own.offset * 1e3:.1f} ± {own.uncertainty * 1e3:.1f} ms)"
    half = len(light.stamps) // 2
    ways = (
        ("whole", slice(None), slice(None)),
        ("30 and 10 Hz", slice(None), slice(1, None, 3)),
        ("15 and 15 Hz, taken in turn", slice(0, None, 2), slice(1, None, 2)),
        ("first half", slice(None, half), slice(None, half)),
        ("second half", slice(half, None), slice(half, None)),
    )
    for way, first, second in ways:
        pair = _part(light, first), _part(heat, second)
        yield f"{name}: {way}", [_found(*pair, offset, own.offset) for offset in _OFFSETS]


def _found(visible: Track, infrared: Track, offset: float, own: float = 0.0) -> Found:
    try:
        clock = find_offset(visible, infrared._replace(stamps=infrared.stamps + offset))
    except ClockError:
        return Found(np.nan, np.nan)
    return Found(clock.offset - offset - own, clock.uncertainty)


def _read(video: Video, is_visible: bool) -> Track:
    numbers = range(len(video.stamps))
    frames = visible_frames(video, numbers) if is_visible else infrared_frames(video, numbers)
    return Track(np.array(video.stamps) / 1e9, np.array([small_grey(frame) for frame in frames]))


def _part(track: Track, part: slice) -> Track:
    return Track(track.stamps[part], track.frames[part])


def table(results: Iterator[tuple[str, list[Found]]]) -> Iterator[str]:
    """Yield the lines of a markdown table."""
    yield "| recording | found | largest error ms | root mean square ms | told, ± ms |"
    yield "| --- " * 5 + "|"
    for name, every in results:
        found = [one for one in every if np.isfinite(one.error)]
        line = f"| {name} | {len(found)} of {len(every)} "
        if found:
            errors = np.array([one.error for one in found]) * 1e3
            told = max(one.told for one in found) * 1e3
            line += f"| {np.abs(errors).max():.1f} | {np.sqrt(np.mean(errors**2)):.1f} | {told:.1f} "
        else:
            line += "| | | "
        yield line + "|"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m mtvif_ros.benchmark.clocks", __doc__)
    parser.add_argument("--clip", type=Path, nargs=2, metavar=("VISIBLE", "INFRARED"), help="two videos")
    parser.add_argument("--seconds", type=positive_number, default=20.0, help="length of each drive")
    parser.add_argument(
        "--misaligned", type=float, default=0.0, help="shift infrared by about so many pixels"
    )
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        results = on_clip(*options.clip) if options.clip else on_rendered(options.seconds, options.misaligned)
        for line in table(results):
            print(line, flush=True)


if __name__ == "__main__":
    main()

"""Look through a recording for what was wrong with it, and say in words what, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import cv2
import numpy as np

from mtvif_ros.calibration.align import AlignmentError
from mtvif_ros.calibration.clock import ClockError, ClockOffset, find_offset
from mtvif_ros.calibration.drift import Shift, measure_shift
from mtvif_ros.calibration.track import Tracker, stretches
from mtvif_ros.image import AnyImage, Image, ImageFormatError
from mtvif_ros.imaging.codec import read_infrared, read_rgb
from mtvif_ros.imaging.registration import Warp
from mtvif_ros.imaging.thermal import ThermalScaler, temperatures
from mtvif_ros.node.sight import fingerprint, uniform
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.progress import Progress
from mtvif_ros.recordings.pairs import read_image
from mtvif_ros.recordings.reader import Record, stamp_of
from mtvif_ros.replay.plan import Plan
from mtvif_ros.replay.summary import Finding, Spell, Watch

_GAP, _PERIODS = 0.5, 3  # s, and periods of the camera, without a frame
_STILL = 0.5  # s of one picture beside a camera whose picture changes
_BLANK = 0.1  # s of one brightness; a single frame may be damaged
_GLARE, _GLARING = 1.0, 0.1  # s, in which this share of the picture shows nothing but the highest value
_NEAR = 1.0  # s; spells that are nearer count as one
_FEW = 4  # spells that are told one by one
_SAMPLED = 120  # rows and columns in which the highest value is looked for
_SPARSE = 4  # every fourth row and column is enough for a median
_CLOCK, _CERTAIN = 0.010, 3.0  # s, and standard errors, by which the offset in use must be wrong
_OFF = 3.0  # px between the cameras' edges, which mtvif_calibrate calls poor
_MOVED = 2.0  # px between two measurements of the registration
_COMPARED = 6  # pairs for each measurement


class Watched(NamedTuple):
    """Hold what a recording shows and, over the s since its first frame, its shifts and its temperatures.

    Temperatures in °C are the coldest, the median and the warmest of an infrared frame.
    """

    watch: Watch
    shifts: list[tuple[float, Shift]]
    celsius: list[tuple[float, tuple[float, float, float]]]


def watch_recording(
    plan: Plan, registration: Warp, offset: float, thermal: tuple[float, float] = (1.0, 0.0)
) -> Watched:
    """Read the part of a bag that is played, once, and find gaps, shutters, glare and wrong calibration.

    `offset` is the infrared minus the visible clock in s that made the pairs; `thermal` are gain and offset
    that make raw infrared °C.
    """
    seen = _Seen(plan, offset, thermal)
    with Progress("watch", sum(map(len, plan.stamps)), "frame") as progress:
        for record in plan.recorded():
            seen.see(record)
            progress.update()
    unchecked: list[str] = []
    clock = _compare_clocks(seen, registration, offset, unchecked)
    shifts = _measure_shifts(seen, registration, unchecked)
    findings = [
        *_about_cameras(plan.cameras, seen),
        *(_about_clocks(clock, offset, seen.span) if clock else ()),
        *_about_registration(shifts),
    ]
    celsius = np.array([values for _, values in seen.celsius])
    watch = Watch(
        findings=tuple(sorted(findings, key=lambda one: one.spells)),
        unchecked=tuple(unchecked),
        clock_ms=round(clock.offset * 1e3, 2) if clock else None,
        clock_uncertainty_ms=round(clock.uncertainty * 1e3, 2) if clock else None,
        shift_px=round(float(np.median([shift.distance() for _, shift in shifts])), 2) if shifts else None,
        coldest=round(float(celsius[:, 0].min()), 2) if seen.celsius else None,
        warmest=round(float(celsius[:, 2].max()), 2) if seen.celsius else None,
    )
    return Watched(watch, shifts, seen.celsius)


def alone_findings(
    states: Sequence[tuple[float, str]], topic_of: dict[str, str], end: float
) -> list[Finding]:
    """Return when answers rested on one camera, or on none, by the node's `states`.

    These are when each began, in s since the recording's first frame, and which cameras, joined by +.
    `topic_of` names the cameras' topics.
    """
    spells: dict[str, list[Spell]] = {}
    for (begin, state), (until, _) in pairwise([*states, (end, "")]):
        if until > begin:
            spells.setdefault(state, []).append((begin, until))
    told = {state: f"The node answered from {topic} alone" for state, topic in topic_of.items()}
    told[""] = "The node had no camera to answer with"
    return [_finding("alone", words, spells[state]) for state, words in told.items() if state in spells]


class _Look(NamedTuple):
    """Hold what a frame shows: `glare` is the share of its pixels that have the highest value."""

    at: float
    fingerprint: int
    is_uniform: bool
    glare: float


class _Seen:
    """Hold what both cameras saw, by topic, in s since the bag's first frame."""

    def __init__(self, plan: Plan, offset: float, thermal: tuple[float, float]):
        self._plan, self._visible, self._thermal = plan, plan.cameras[0], thermal
        self.arrivals: dict[str, list[float]] = {topic: [] for topic in plan.cameras}
        self.looks: dict[str, list[_Look]] = {topic: [] for topic in plan.cameras}
        self.celsius: list[tuple[float, tuple[float, float, float]]] = []
        self.tracker = Tracker(plan.stamps[0], offset)
        self.groups = _groups(plan.pairs)
        self.kept: dict[tuple[bool, int], tuple[float, Image]] = {}
        compared = [pair for group in self.groups for pair in group]
        self._wanted = {(True, rgb) for rgb, _ in compared} | {(False, ir) for _, ir in compared}
        self._scaler = ThermalScaler()

    @property
    def span(self) -> Spell:
        """The first and the last arrival of any frame."""
        every = [at for arrivals in self.arrivals.values() for at in arrivals]
        return min(every), max(every)

    def see(self, record: Record) -> None:
        """Note a frame; one that cannot be read has arrived and shows nothing."""
        at, stamp = self._plan.seconds(record.received), stamp_of(record.raw)
        is_visible = record.topic == self._visible
        self.arrivals[record.topic].append(at)
        try:
            raw = read_image(record, read_rgb) if is_visible else read_image(record, read_infrared)[0]
        except ImageFormatError:
            return
        picture = raw if is_visible else self._scaler(raw)
        self.looks[record.topic].append(_Look(at, fingerprint(raw), uniform(picture), _glare(raw)))
        if self.tracker.wants(stamp, is_visible):
            self.tracker.see(stamp, is_visible, picture)
        if (is_visible, stamp) in self._wanted:
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if is_visible else picture
            self.kept[is_visible, stamp] = at, np.asarray(grey, np.uint8)
        celsius = None if is_visible else temperatures(raw, *self._thermal)
        if celsius is not None and np.isfinite(celsius).any():
            median = float(np.nanmedian(celsius[::_SPARSE, ::_SPARSE]))
            self.celsius.append((at, (float(np.nanmin(celsius)), median, float(np.nanmax(celsius)))))


def _groups(pairs: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return the pairs of each stretch that the registration is measured with."""
    begin, end = pairs[0][0] / NANOSECONDS, pairs[-1][0] / NANOSECONDS
    groups = []
    for first, last in stretches(begin, end):
        inside = [pair for pair in pairs if first <= pair[0] / NANOSECONDS <= last]
        chosen = np.unique(np.linspace(0, len(inside) - 1, _COMPARED).round().astype(int)) if inside else ()
        groups.append([inside[index] for index in chosen])
    return [group for group in groups if group]


def _glare(raw: AnyImage) -> float:
    """Return the share of pixels, (H, W) or (H, W, 3), that have the highest value: in all colours white."""
    step = max(1, min(raw.shape[:2]) // _SAMPLED)
    sample = raw[::step, ::step]
    if sample.ndim == 3:
        return float((sample.min(2) == 255).mean())
    return float((sample == sample.max()).mean()) if np.isfinite(sample).all() else 0.0


def _about_cameras(cameras: tuple[str, str], seen: _Seen) -> Iterator[Finding]:
    for topic, other in (cameras, cameras[::-1]):
        arrivals, looks = seen.arrivals[topic], seen.looks[topic]
        usual = float(np.median(np.diff(arrivals))) if len(arrivals) > 1 else 0.0
        begin, end = seen.span
        gaps = [(a, b) for a, b in pairwise([begin, *arrivals, end]) if b - a > max(_GAP, _PERIODS * usual)]
        is_visible = topic == cameras[0]
        glare = "overexposed" if is_visible else "saturated"
        worst = max((look.glare for look in looks), default=0.0)
        for kind, words, spells in (
            ("silent", f"{topic} sent nothing", gaps),
            (
                "uniform",
                f"{topic} showed one brightness only, as behind a shutter or a cover or in the dark,",
                _spells(((look.at, look.is_uniform) for look in looks), _BLANK),
            ),
            (
                "still",
                f"{topic} repeated one picture, as a camera does that hangs or calibrates,",
                _still(looks, seen.looks[other]),
            ),
            (
                "glare",
                f"{topic} was {glare}, up to {worst:.0%} of the picture,",
                _spells(((look.at, look.glare > _GLARING and not look.is_uniform) for look in looks), _GLARE),
            ),
        ):
            if spells:
                yield _finding(kind, words, spells)


def _spells(flags: Iterable[tuple[float, bool]], least: float) -> list[Spell]:
    """Return when a flag held for `least` s or longer, up to the first frame without it."""
    found: list[Spell] = []
    runs = [(holds, [at for at, _ in run]) for holds, run in groupby(flags, lambda one: one[1])]
    for (holds, times), following in zip(runs, [*(after for _, after in runs[1:]), None]):
        end = following[0] if following else times[-1]
        if holds and end - times[0] >= least:
            found.append((times[0], end))
    merged: list[Spell] = []
    for begin, end in found:
        if merged and begin - merged[-1][1] < _NEAR:
            merged[-1] = merged[-1][0], end
        else:
            merged.append((begin, end))
    return merged


def _still(looks: Sequence[_Look], others: Sequence[_Look]) -> list[Spell]:
    """Return when a camera repeated one picture while that of the other changed."""
    found = []
    for _, run in groupby((look for look in looks if not look.is_uniform), lambda look: look.fingerprint):
        times = [look.at for look in run]
        begin, end = times[0], times[-1]
        if end - begin >= _STILL and len({one.fingerprint for one in others if begin <= one.at <= end}) > 1:
            found.append((begin, end))
    return found


def _compare_clocks(
    seen: _Seen, registration: Warp, offset: float, unchecked: list[str]
) -> ClockOffset | None:
    visible, infrared = seen.tracker.tracks()
    try:
        return find_offset(visible, infrared.registered(registration), offset)
    except ClockError as error:
        unchecked.append(f"The cameras' clocks were not compared: {error}.")
        return None


def _about_clocks(clock: ClockOffset, offset: float, span: Spell) -> Iterator[Finding]:
    wrong = clock.offset - offset
    if abs(wrong) > max(_CLOCK, _CERTAIN * clock.uncertainty):
        order = "after" if clock.offset > 0 else "before"
        yield Finding(
            "clock",
            (span,),
            f"Infrared stamps are {abs(clock.offset) * 1e3:.0f} ± {clock.uncertainty * 1e3:.0f} ms {order} "
            f"the visible ones of the same moment, but the replay took {offset * 1e3:.0f} ms: set --offset "
            f"and sync.offset to {clock.offset:.4f}.",
        )
    if abs(clock.drift) > _CLOCK:
        yield Finding(
            "clock_drift",
            (span,),
            f"The clocks drift by {clock.drift * 1e3:.0f} ms over {clock.seconds:.0f} s: synchronise them, "
            "such as by PTP, or set sync.by to arrival.",
        )


def _measure_shifts(seen: _Seen, registration: Warp, unchecked: list[str]) -> list[tuple[float, Shift]]:
    found, why = [], ""
    for group in seen.groups:
        whole = [pair for pair in group if (True, pair[0]) in seen.kept and (False, pair[1]) in seen.kept]
        if not whole:
            continue
        at = float(np.mean([seen.kept[True, rgb][0] for rgb, _ in whole]))
        try:
            frames = [(seen.kept[True, rgb][1], seen.kept[False, ir][1]) for rgb, ir in whole]
            found.append((at, measure_shift(frames, registration)))
        except AlignmentError as error:
            why = str(error)
    if not found:
        unchecked.append(f"The registration was not checked: {why or 'no pair could be read'}.")
    return found


def _about_registration(shifts: Sequence[tuple[float, Shift]]) -> Iterator[Finding]:
    if not shifts:
        return
    span = shifts[0][0], shifts[-1][0]
    right, down = (float(np.median([shift[axis] for _, shift in shifts])) for axis in (0, 1))
    if np.hypot(right, down) > _OFF:
        across, along = "right" if right > 0 else "left", "down" if down > 0 else "up"
        yield Finding(
            "registration",
            (span,),
            f"Infrared lies off the visible picture: it must move {abs(right):.1f} px {across} and "
            f"{abs(down):.1f} px {along}. Run mtvif_calibrate and give its file.",
        )
    (begin, first), (end, last) = shifts[0], shifts[-1]
    moved = first.distance((last.right, last.down))
    if moved > _MOVED:
        yield Finding(
            "registration_drift",
            (span,),
            f"The cameras moved against each other by {moved:.1f} px between {begin:.0f} and {end:.0f} s: "
            "check their mounts and calibrate again.",
        )


def _finding(kind: str, words: str, spells: Sequence[Spell]) -> Finding:
    """Return a finding whose sentence ends with the spells."""
    told = [f"from {begin:.1f} to {end:.1f} s" for begin, end in spells]
    if len(spells) <= _FEW:
        when = ", ".join(told)
    else:
        total = sum(end - begin for begin, end in spells)
        longest = max(range(len(spells)), key=lambda index: spells[index][1] - spells[index][0])
        when = f"{len(spells)} times, {total:.1f} s in all, first {told[0]}, longest {told[longest]}"
    return Finding(kind, tuple(spells), f"{words} {when}.")

"""Look through a recording for what was wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
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
from mtvif_ros.replay.findings import Look, about_camera, about_clocks, about_registration
from mtvif_ros.replay.plan import Plan
from mtvif_ros.replay.summary import Spell, Watch

_SAMPLED = 120  # rows and columns in which the highest value is looked for
_SPARSE = 4  # every fourth row and column is enough for a median
_COMPARED = 6  # pairs for each measurement


class Watched(NamedTuple):
    """Hold the findings of a recording and, at times in s since its first frame, shifts and temperatures.

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
        *(
            finding
            for topic, other in (plan.cameras, plan.cameras[::-1])
            for finding in about_camera(
                topic,
                topic == plan.cameras[0],
                seen.arrivals[topic],
                seen.looks[topic],
                seen.looks[other],
                seen.span,
            )
        ),
        *(about_clocks(clock, offset, seen.span) if clock else ()),
        *about_registration(shifts),
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


class _Seen:
    """Hold what both cameras saw, by topic, in s since the bag's first frame."""

    def __init__(self, plan: Plan, offset: float, thermal: tuple[float, float]):
        self._plan, self._visible, self._thermal = plan, plan.cameras[0], thermal
        self.arrivals: dict[str, list[float]] = {topic: [] for topic in plan.cameras}
        self.looks: dict[str, list[Look]] = {topic: [] for topic in plan.cameras}
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
        self.looks[record.topic].append(Look(at, fingerprint(raw), uniform(picture), _glare(raw)))
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


def _compare_clocks(
    seen: _Seen, registration: Warp, offset: float, unchecked: list[str]
) -> ClockOffset | None:
    visible, infrared = seen.tracker.tracks()
    try:
        return find_offset(visible, infrared.registered(registration), offset)
    except ClockError as error:
        unchecked.append(f"The cameras' clocks were not compared: {error}.")
        return None


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

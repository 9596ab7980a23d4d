"""Say in words what was wrong with a recording, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from mtvif_ros.calibration.clock import ClockOffset
from mtvif_ros.calibration.drift import Shift
from mtvif_ros.replay.summary import Finding, Spell

_GAP, _PERIODS = 0.5, 3  # s, and periods of the camera, without a frame
_STILL = 0.5  # s of one picture beside a camera whose picture changes
_BLANK = 0.1  # s of one brightness; a single frame may be damaged
_GLARE, _GLARING = 1.0, 0.1  # s, in which this share of the picture shows nothing but the highest value
_NEAR = 1.0  # s; spells that are nearer count as one
_FEW = 4  # spells that are told one by one
_ONSET = 0.25  # s in which what the node told before the recording's first frame may still come
_CLOCK, _CERTAIN = 0.010, 3.0  # s, and standard errors, by which the offset in use must be wrong
_OFF = 3.0  # px between the cameras' edges, which mtvif_calibrate calls poor
_MOVED = 2.0  # px between two measurements of the registration


class Look(NamedTuple):
    """Hold what a frame shows: `glare` is the share of its pixels that have the highest value."""

    at: float
    fingerprint: int
    is_uniform: bool
    glare: float


def about_camera(
    topic: str,
    is_visible: bool,
    arrivals: Sequence[float],
    looks: Sequence[Look],
    others: Sequence[Look],
    span: Spell,
) -> Iterator[Finding]:
    """Yield what was wrong with a camera's frames.

    `arrivals` are those of all its frames, `looks` what the readable ones show, `others` what those of the
    other camera show; `span` is when the recording began and ended.
    """
    usual = float(np.median(np.diff(arrivals))) if len(arrivals) > 1 else 0.0
    gaps = [
        (before, after)
        for before, after in pairwise([span[0], *arrivals, span[1]])
        if after - before > max(_GAP, _PERIODS * usual)
    ]
    worst = max((look.glare for look in looks), default=0.0)
    blank = _spells(((look.at, look.is_uniform) for look in looks), _BLANK)
    glaring = ((look.at, look.glare > _GLARING and not look.is_uniform) for look in looks)
    for kind, words, spells in (
        ("silent", "sent nothing", gaps),
        ("uniform", "showed one brightness only, as behind a shutter or a cover or in the dark,", blank),
        ("still", "repeated one picture, as a camera does that hangs or calibrates,", _still(looks, others)),
        (
            "glare",
            f"was {'overexposed' if is_visible else 'saturated'}, up to {worst:.0%} of the picture,",
            _spells(glaring, _GLARE),
        ),
    ):
        if spells:
            yield _finding(kind, f"{topic} {words}", spells)


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


def _still(looks: Sequence[Look], others: Sequence[Look]) -> list[Spell]:
    """Return when a camera repeated one picture while that of the other changed."""
    found = []
    for _, run in groupby((look for look in looks if not look.is_uniform), lambda look: look.fingerprint):
        times = [look.at for look in run]
        begin, end = times[0], times[-1]
        if end - begin >= _STILL and len({one.fingerprint for one in others if begin <= one.at <= end}) > 1:
            found.append((begin, end))
    return found


def about_clocks(clock: ClockOffset, offset: float, span: Spell) -> Iterator[Finding]:
    """Yield what is wrong with `offset`, the infrared minus the visible clock in s that a replay took."""
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


def about_registration(shifts: Sequence[tuple[float, Shift]]) -> Iterator[Finding]:
    """Yield what is wrong with the registration, by the shifts that it left, each at its time in s."""
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


def about_answers(
    states: Sequence[tuple[float, str]], topic_of: Mapping[str, str], end: float
) -> Iterator[Finding]:
    """Yield when answers rested on one camera, or on none, by the node's `states`.

    These are when each began, in s since the recording's first frame, and which cameras, joined by +.
    `topic_of` names the cameras' topics.
    """
    spells: dict[str, list[Spell]] = {}
    for (begin, state), (until, _) in pairwise([*states, (end, "")]):
        if until - begin > (0 if begin > 0 else _ONSET):
            spells.setdefault(state, []).append((begin, until))
    told = {state: f"The node answered from {topic} alone" for state, topic in topic_of.items()}
    told[""] = "The node gave no answer"
    for state, words in told.items():
        if state in spells:
            yield _finding("alone", words, spells[state])


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

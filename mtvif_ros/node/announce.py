"""Put into the log what lasts, once, and its end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from mtvif_ros.pairing.stamps import NANOSECONDS

_LASTING = 3 * NANOSECONDS
_NUMBERS = re.compile(r"[\d.]+")


class _Seen(NamedTuple):
    words: str
    since: int


class Announcer:
    """Tell each problem when it has lasted for three seconds, again when it becomes another, and its end.

    A change of numbers alone is no change. `warn` and `inform` write to the log.
    """

    def __init__(self, warn: Callable[[str], object], inform: Callable[[str], object]):
        self._warn, self._inform = warn, inform
        self._seen: dict[str, _Seen] = {}
        self._told: dict[str, str] = {}

    def __call__(self, subject: str, problem: str | None, ended: str, now: int) -> None:
        """Take what is the matter with a subject at `now` in ns, None for nothing; `ended` tells its end."""
        if problem is None:
            self._seen.pop(subject, None)
            if self._told.pop(subject, None) is not None:
                self._inform(ended)
            return
        words = _NUMBERS.sub("", problem)
        seen = self._seen.get(subject)
        if seen is None or seen.words != words:
            seen = self._seen[subject] = _Seen(words, now)
        if now - seen.since >= _LASTING and self._told.get(subject) != words:
            self._told[subject] = words
            self._warn(problem)

"""Show the progress of long work: a bar on a terminal, a line every ten percent elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_STEPS = 10


class Progress:
    """Count finished items up to `total`. Use it as a context manager.

    A terminal gets tqdm's bar. A file or a pipe gets ten lines such as `render: 30 % (90 of 300)`, and so
    does a terminal where tqdm is not installed. Everything goes to stderr.
    """

    def __init__(self, what: str, total: int, unit: str = "it"):
        self._what, self._total = what, total
        self._start = time.monotonic()
        self.count = 0
        self._bar = _bar(what, total, unit) if sys.stderr.isatty() else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def elapsed(self) -> float:
        """Seconds since this object was made."""
        return time.monotonic() - self._start

    def update(self, count: int = 1) -> None:
        """Count `count` more items as finished."""
        before, self.count = self.count, self.count + count
        if self._bar is not None:
            self._bar.update(count)
        elif self._total and self.count * _STEPS // self._total > before * _STEPS // self._total:
            percent = self.count * 100 // self._total
            print(f"{self._what}: {percent} % ({self.count} of {self._total})", file=sys.stderr, flush=True)

    def note(self, **values: object) -> None:
        """Show values such as the latest loss beside the bar of a terminal."""
        if self._bar is not None:
            self._bar.set_postfix(values)

    def write(self, line: str) -> None:
        """Print a line on stdout, above a terminal's bar."""
        if self._bar is not None:
            self._bar.write(line)
        else:
            print(line, flush=True)

    def close(self) -> None:
        """Leave the bar as it stands and end its line."""
        if self._bar is not None:
            self._bar.close()


def tracked(items: Iterable[Item], what: str, total: int, unit: str = "it") -> Iterator[Item]:
    """Yield the items, of which there are `total`, and count each as finished when the next is asked for."""
    with Progress(what, total, unit) as progress:
        for item in items:
            yield item
            progress.update()


def _bar(what: str, total: int, unit: str) -> Any:
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return tqdm(desc=what, total=total, unit=unit)

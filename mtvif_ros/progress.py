"""Show how far a long piece of work is: a bar on a terminal, a line every ten percent elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_STEPS = 10


class Progress:
    """Count to `total` by `update`; a context manager.

    A terminal gets tqdm's bar, a file or a pipe a line such as `render: 30 % (90 of 300)` once every ten
    percent. All of it goes to stderr.
    """

    def __init__(self, what: str, total: int, unit: str = "it"):
        self._what, self._total = what, total
        self._start = time.monotonic()
        self.count = 0
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(desc=what, total=total, unit=unit)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    def update(self, count: int = 1) -> None:
        """Note that `count` more are done."""
        before, self.count = self.count, self.count + count
        if self._bar is not None:
            self._bar.update(count)
        elif self._total and self.count * _STEPS // self._total > before * _STEPS // self._total:
            percent = self.count * 100 // self._total
            print(f"{self._what}: {percent} % ({self.count} of {self._total})", file=sys.stderr, flush=True)

    def note(self, **values: object) -> None:
        """Show values beside a terminal's bar, such as the latest loss."""
        if self._bar is not None:
            self._bar.set_postfix(values)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()


def tracked(items: Iterable[Item], what: str, total: int, unit: str = "it") -> Iterator[Item]:
    """Yield the items and show how many of `total` have been worked on."""
    with Progress(what, total, unit) as progress:
        for item in items:
            yield item
            progress.update()

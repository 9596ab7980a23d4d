"""Begin every command's parser alike, read its numbers alike, and end it alike where input cannot be used."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def command_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser called `name` that shows a module's docstring as it is written."""
    return argparse.ArgumentParser(
        prog=name,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def whole_number(least: int) -> Callable[[str], int]:
    """Return what reads an option's whole number of at least `least`, for `type=`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
        return number

    return read


def positive_number(text: str) -> float:
    """Read an option's number, finite and above zero, for `type=`."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


@contextmanager
def told_plainly(parser: argparse.ArgumentParser, *more: type[Exception]) -> Iterator[None]:
    """Turn an ImportError, an OSError, a ValueError or one of `more` into a line on stderr and exit code 1.

    These say what the user can mend; any other error is ours and keeps its traceback.
    """
    kinds: tuple[type[Exception], ...] = (ImportError, OSError, ValueError, *more)
    try:
        yield
    except kinds as error:
        parser.exit(1, f"{parser.prog}: {error}\n")

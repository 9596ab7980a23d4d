"""Give every command the same parser, the same checks of its numbers and the same way to end on bad input."""

from __future__ import annotations

import argparse
import importlib
import math
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from mtvif_ros.size import Size, read_size

# What `pip install .[tools]` brings, by the name that is imported.
TOOLS = ("jinja2", "matplotlib", "mcap", "rosbags", "zstandard")


class UserError(Exception):
    """Say what the user can fix and how; base of such errors that are neither an OSError nor a ValueError."""


def in_short(error: Exception) -> str:
    """Return an error's kind and words in one line, at most 200 characters of it.

    The repr of a UnicodeDecodeError, for one, holds the whole file.
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]


class _Parser(argparse.ArgumentParser):
    """End on a wrong option as told_plainly ends: argparse's own code, 2, says that a limit is missed.

    Take -5e-3 for a number, which argparse takes for an option.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._negative_number_matcher = re.compile(r"^-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$", re.IGNORECASE)

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog}: {message}; see --help\n")


def command_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser called `name` whose help shows `description`, a module's docstring, as written."""
    return _Parser(
        prog=name,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def whole_number(least: int) -> Callable[[str], int]:
    """Return an argparse `type` that reads a whole number of at least `least`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
        return number

    return read


def finite_number(text: str) -> float:
    """Read a finite number; an argparse `type`."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return number


def positive_number(text: str) -> float:
    """Read a finite number above zero; an argparse `type`."""
    number = finite_number(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def frame_size(text: str) -> Size:
    """Read HEIGHTxWIDTH; an argparse `type`."""
    try:
        return read_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def writable_file(text: str) -> Path:
    """Read the path of a file to be written, before long work begins; an argparse `type`."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder; name a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written; see its folder and the rights to it")
    return path


def need(*modules: str) -> None:
    """Raise ModuleNotFoundError for the first of `modules` that is missing, before long work begins."""
    for module in modules:
        importlib.import_module(module)


@contextmanager
def told_plainly(parser: argparse.ArgumentParser) -> Iterator[None]:
    """Turn an error that the user can fix into one line on stderr and exit code 1, and Ctrl-C into code 130.

    Such errors are UserError, OSError, ValueError and ImportError; for a module of the `tools` extra the line
    says how to install it. Any other error is a bug and keeps its traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        parser.exit(128 + signal.SIGINT, f"{parser.prog}: interrupted\n")
    except (ImportError, OSError, UserError, ValueError) as error:
        parser.exit(1, f"{parser.prog}: {_advice(error)}\n")


def _advice(error: Exception) -> str:
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    module = (name or "").partition(".")[0]
    if module in TOOLS:
        return f"needs the Python module {module}; install it with: pip install 'mtvif_ros[tools]'"
    return str(error)

"""Run one part of a check in a process of its own, which may crash or hang."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from mtvif_ros.command_line import UserError

Result = dict[str, Any]
Note = Callable[[Result], None]
Status = Literal["measured", "skipped", "failed"]

_LONGEST_REASON = 400
_TO_END_S = 5  # inside a stuck driver a process neither exits nor dies


class Skipped(UserError):
    """Say why a part cannot be measured on this machine."""


@dataclass(frozen=True)
class Part:
    """Name a module whose `measure(note, **arguments)` takes at most `limit_s` seconds.

    It hands every result to `note` at once, as plain data. An ImportError or Skipped skips the part.
    """

    name: str
    module: str
    arguments: dict[str, Any]
    limit_s: float


@dataclass
class Outcome:
    """Hold what a part noted, even if it ended early, how it ended, why, and the seconds it took."""

    name: str
    status: Status
    reason: str = ""
    seconds: float = 0.0
    result: Result = field(default_factory=dict)


def run_part(part: Part, log: Path) -> Outcome:
    """Run a part, kill it with all its children at its time limit, and write what it prints to `log`."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(part, log, sender))
    outcome = Outcome(part.name, "failed")
    start = time.monotonic()
    process.start()
    sender.close()  # or the child's end would not be the end
    try:
        while receiver.poll(max(0.0, start + part.limit_s - time.monotonic())):
            kind, content = receiver.recv()
            if kind != "result":
                outcome.status, outcome.reason = kind, content
                process.join(_TO_END_S)
                break
            outcome.result |= content
        else:
            outcome.reason = f"took longer than {part.limit_s:.0f} s"
    except (EOFError, OSError):
        process.join(_TO_END_S)
        outcome.reason = _how_it_ended(process.exitcode)
    finally:
        _end(process)
    outcome.seconds = round(time.monotonic() - start, 1)
    if outcome.status == "failed":
        outcome.reason += f"; see {log}"
    return outcome


def _work(part: Part, log: Path, sender: Connection) -> None:
    os.setsid()
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sender.send(_measure(part, lambda result: sender.send(("result", result))))


def _measure(part: Part, note: Note) -> tuple[Status, str]:
    try:
        importlib.import_module(part.module).measure(note, **part.arguments)
    except ImportError as error:
        return "skipped", _in_short(f"{error}; requirements/gpu.txt lists what is needed")
    except Skipped as error:
        return "skipped", _in_short(str(error))
    except UserError as error:
        return "failed", _in_short(str(error))
    except Exception as error:
        traceback.print_exc()
        return "failed", _in_short(f"{type(error).__name__}: {error}")
    return "measured", ""


def _in_short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_REASON]


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _end(process: BaseProcess) -> None:
    """Kill the process, should it still run, and the children that it left."""
    assert process.pid is not None
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join(_TO_END_S)

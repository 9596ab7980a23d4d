"""Corrupt inputs at random, and report every command that crashes, hangs or refuses in more than a few words.

.venv/bin/python .ci/corrupt.py --seeds 1000            every kind of input
.venv/bin/python .ci/corrupt.py --seeds 50 --kind png model --first 300

A command passes that answers, or that says in one line what is wrong, within ten seconds. It works on copies
of a few bytes, each damaged as its seed says: bits flipped, bytes written over, cut out, repeated, or the end
missing. Whether an answer is right is not judged here; the tests of the readers do that.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from mtvif_ros.imaging.registration import Registration, write_registration
from mtvif_ros.recordings.extract import main as extract
from mtvif_ros.recordings.fuse import main as fuse
from tests.mtvif_ros.recordings import tiny as recordings
from tests.mtvif_ros.toy import write_toy

_PATIENCE = 10.0  # s
_LONGEST = 2000  # characters; a line may list every wrong setting of a config

Command = Callable[[list[str]], object]


def prepare(root: Path) -> None:
    """Write what is corrupted later: recordings, a data set, a config, a registration and a model."""
    for storage in ("mcap", "sqlite3"):
        recordings.write(root / storage, recordings.drive(), storage)
    write_registration(
        root / "registration.yaml", Registration(infrared_size=(8, 6), visible_size=(8, 6)), {}
    )
    write_toy(root / "model.onnx", "H", "W")
    rng = np.random.default_rng(0)
    for name in ("pairs", "deep"):
        for folder in ("vi", "ir", "labels", "boxes"):
            (root / name / folder).mkdir(parents=True)
        pixels = rng.integers(0, 256, (64, 96, 3), np.uint8)
        thermal = pixels[..., 0].astype(np.uint16) * 200 if name == "deep" else pixels[..., 0]
        cv2.imwrite(str(root / name / "vi" / "one.png"), pixels)
        cv2.imwrite(str(root / name / "ir" / ("one.tiff" if name == "deep" else "one.png")), thermal)
        cv2.imwrite(str(root / name / "labels" / "one.png"), pixels[..., 1] % 9)
        (root / name / "boxes" / "one.txt").write_text("0 0.5 0.5 0.25 0.5\n2 0.25 0.5 0.125 0.5\n")
    settings = yaml.safe_load(Path("training/configs/finetune.yaml").read_text())
    settings["train"]["sources"] = [{"path": "pairs", "share": 0.5}, {"path": "deep", "share": 0.5}]
    settings["train"]["crop"], settings["validate"] = [64, 96], []
    (root / "config.yaml").write_text(yaml.safe_dump(settings))


def check(arguments: list[str]) -> None:
    """Run training.check, which imports torch, only where it is needed."""
    from training.check import main

    main(arguments)


def kinds(root: Path) -> dict[str, tuple[Path, Command, list[str]]]:
    """Return by kind the file to corrupt and the command that meets it."""
    out = ["--out", str(root / "out")]
    data = ["--config", str(root / "config.yaml"), "--data", str(root)]
    model = ["--backend", "onnxruntime", "--model", str(root / "model.onnx")]
    mcap, sqlite = (["--bag", str(root / storage), *out] for storage in ("mcap", "sqlite3"))
    cameras = ["--rgb-topic", recordings.RGB, "--ir-topic", recordings.IR]
    return {
        "mcap": (next((root / "mcap").glob("*.mcap")), extract, mcap + cameras),
        "db3": (next((root / "sqlite3").glob("*.db3")), extract, sqlite + cameras),
        "metadata": (root / "mcap" / "metadata.yaml", extract, mcap + cameras),
        "registration": (
            root / "registration.yaml",
            extract,
            [*mcap, *cameras, "--registration", str(root / "registration.yaml")],
        ),
        "png": (root / "pairs" / "ir" / "one.png", check, data),
        "tiff": (root / "deep" / "ir" / "one.tiff", check, data),
        "mask": (root / "pairs" / "labels" / "one.png", check, data),
        "boxes": (root / "pairs" / "boxes" / "one.txt", check, data),
        "config": (root / "config.yaml", check, data),
        "model": (root / "model.onnx", fuse, [str(root / "pairs"), *out, *model]),
    }


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the content with one to four faults."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(changed) + 1))
        length = int(rng.integers(1, 33))
        match rng.integers(5):
            case 0 if at < len(changed):
                changed[at] ^= 1 << int(rng.integers(8))
            case 1:
                changed[at : at + length] = rng.bytes(length)
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length]
            case _ if rng.random() < 0.2:
                del changed[at:]
    return bytes(changed)


def attempt(original: Path, kind: str, seed: int | None) -> tuple[str, str]:
    """Run one command on one copy, corrupted unless `seed` is None; return how it ended and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "work"
        shutil.copytree(original, root)
        victim, command, arguments = kinds(root)[kind]
        if seed is not None:
            victim.write_bytes(damaged(victim.read_bytes(), np.random.default_rng(seed)))
        told, begin = io.StringIO(), time.monotonic()
        code: object = 0
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
            try:
                code = command(arguments)
            except SystemExit as ended:
                code = ended.code
            except BaseException:
                return "TRACEBACK", traceback.format_exc()
        taken = time.monotonic() - begin
    words = told.getvalue()
    if taken > _PATIENCE:
        return "SLOW", f"{taken:.1f} s"
    if not code:
        return "answered", ""
    lines = [line for line in words.splitlines() if line.strip() and " % (" not in line]
    if not lines or max(map(len, lines)) > _LONGEST + len(str(root)):
        return "UNCLEAR", words
    return "refused", words


def main() -> int:
    """Run the command line; exit with 1 when a command fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1000, help="corruptions of each kind")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--kind", nargs="+", help="default: all")
    options = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        original = Path(folder)
        prepare(original)
        seeds = range(options.first, options.first + options.seeds)
        for kind in options.kind or kinds(original):
            end, words = attempt(original, kind, None)
            if end != "answered":
                raise SystemExit(f"{kind}: what is not corrupted is {end}: {words}")
            ends: Counter[str] = Counter()
            # A process of its own: what crashes the interpreter is found too.
            with ProcessPoolExecutor(os.cpu_count()) as pool:
                try:
                    for seed, (end, words) in zip(seeds, pool.map(partial(attempt, original, kind), seeds)):
                        ends[end] += 1
                        if end.isupper():
                            print(f"{kind}, seed {seed}: {end}: {words.strip()}")
                except BrokenProcessPool:
                    ends["CRASHED"] += 1
            faults += sum(count for end, count in ends.items() if end.isupper())
            print(f"{kind}: {', '.join(f'{count} {end}' for end, count in sorted(ends.items()))}", flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())

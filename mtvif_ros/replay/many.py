"""Replay every bag of a folder and put the results into one table.

mtvif_replay_all FOLDER --out RESULTS [-- options of mtvif_replay]
mtvif_replay_all FOLDER --out RESULTS --ray auto      the same on a Ray cluster that shares the folders

A bag that has results is not replayed again, so an interrupted run continues where it stopped. Replays on one
machine share its cores: with more than one at a time, their latencies are not those of a lone node.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Any

from mtvif_ros.command_line import command_parser, need, told_plainly, whole_number
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.reader import STORAGES, converted
from mtvif_ros.replay.limits import figures
from mtvif_ros.replay.summary import SummaryError, read_summary

_COLUMNS = (
    "completeness.answered_share",
    "completeness.lost",
    "latency.p50_ms",
    "latency.p99_ms",
    "miou",
    "fusion.VIF",
    "fusion.Qabf",
    "recording.findings",
)
_FINISHED = (0, 2, 3)  # exit codes of mtvif_replay that leave results


def find_bags(folder: Path) -> list[Path]:
    """Return all bags below a folder, through links too: folders with metadata.yaml, and single files.

    A ROS 1 bag is among them, so that its replay says how to convert it, unless that has been done.
    """
    found = list(_files_below(folder, frozenset()))
    folders = {path.parent for path in found if path.name == "metadata.yaml"}
    files = {
        path
        for path in found
        if any(path.match(kind) for kind in (*STORAGES, "*.bag"))
        and path.parent not in folders
        and converted(path) not in folders
    }
    return sorted(folders | files)


def _files_below(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Yield what is no folder below `folder`; a link to one of the folders `above` would have no end."""
    real = folder.resolve()
    if real in above or not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):  # such as lost+found
        return
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files_below(path, above | {real})
        else:
            yield path


def result_folder(bag: Path, root: Path, out: Path) -> Path:
    """Return where a bag's results go: its path below `root`, with its whole name, below `out`."""
    return out / (bag.relative_to(root) if bag != root else bag.name)


def replay_one(bag: Path, out: Path, options: Sequence[str]) -> str:
    """Replay a bag in a process of its own; return why it has no results, or an empty text.

    Results that this version can read stay; others are replaced.
    """
    is_there = (out / "summary.json").exists()
    if is_there:
        with suppress(SummaryError):
            read_summary(out / "summary.json")
            return ""
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command = [sys.executable, "-m", "mtvif_ros.replay.command", "--bag", str(bag), "--out", str(partial)]
    # Each replay chooses a domain of its own, where it hears none of the others.
    environment = {name: value for name, value in os.environ.items() if name != "ROS_DOMAIN_ID"}
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True)
    if done.returncode not in _FINISHED:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    if is_there:
        shutil.rmtree(out)
    partial.rename(out)
    return ""


Job = tuple[Path, Path]


def _here(jobs: Sequence[Job], options: Sequence[str], at_once: int) -> Iterator[tuple[Path, str]]:
    with ThreadPoolExecutor(at_once) as pool:
        running = {pool.submit(replay_one, bag, out, options): bag for bag, out in jobs}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C begins no other replay


def _over_ray(
    jobs: Sequence[Job], options: Sequence[str], at_once: int, address: str
) -> Iterator[tuple[Path, str]]:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("--ray: needs the package ray; pip install ray") from error
    ray.init(address=None if address == "local" else address, include_dashboard=False, log_to_driver=False)
    try:
        # One replay takes as many cores as `at_once` leaves it, so that none disturbs another.
        cores = max(1, (os.cpu_count() or 1) // at_once)
        remote = ray.remote(num_cpus=cores)(replay_one)
        running = {remote.remote(bag, out, list(options)): bag for bag, out in jobs}
        while running:
            (done,), _ = ray.wait(list(running))
            yield running.pop(done), ray.get(done)
    finally:
        ray.shutdown()


def collect(root: Path, out: Path, bags: Sequence[Path], failures: dict[Path, str]) -> list[dict[str, Any]]:
    """Return a row for each bag: its name, whether all limits hold, and every figure or what went wrong."""
    rows = []
    for bag in bags:
        row: dict[str, Any] = {"bag": str(bag.relative_to(root) if bag != root else bag.name)}
        path = result_folder(bag, root, out) / "summary.json"
        if path.exists():
            try:
                summary = read_summary(path)
                row |= {"passed": summary.passed and not summary.bag_damage, "pairs": summary.pairs}
                row |= figures(summary)
            except SummaryError as error:
                row |= {"passed": False, "problem": str(error)}
        else:
            row |= {"passed": False, "problem": failures.get(bag, "was not replayed")}
        rows.append(row)
    return rows


def format_rows(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table over all bags as text."""
    lines = [f"{'bag':40} {'limits':>7} {'pairs':>6} " + " ".join(f"{name:>18}" for name in _COLUMNS)]
    for row in rows:
        head = f"{row['bag'][-40:]:40} {'hold' if row['passed'] else 'FAIL':>7} {row.get('pairs', '-'):>6} "
        cells = [f"{row[name]:18.3f}" if name in row else f"{'-':>18}" for name in _COLUMNS]
        lines.append(head + row.get("problem", " ".join(cells)))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 when all limits of all bags hold, else 2; exit with 1 without a bag."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--") if "--" in given else len(given)
    options = given[split + 1 :]
    parser = command_parser("mtvif_replay_all", __doc__)
    parser.add_argument("folder", type=Path, help="folder of bags")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument(
        "--jobs", type=whole_number(1), default=1, help="replays at a time on each machine; default 1"
    )
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="use Ray: `auto` joins this machine's cluster, `local` starts one"
    )
    chosen = parser.parse_args(given[:split])
    root, out = chosen.folder.absolute(), chosen.out.absolute()  # a linked bag keeps its place below root
    with told_plainly(parser):
        need("rosbags", "jinja2", "matplotlib")
        bags = find_bags(root)
        if not bags:
            raise ValueError(f"{chosen.folder}: holds no bag (metadata.yaml, *.mcap, *.db3, *.bag)")
        jobs = [(bag, result_folder(bag, root, out)) for bag in bags]
        if chosen.ray:
            ended = _over_ray(jobs, options, chosen.jobs, chosen.ray)
        else:
            ended = _here(jobs, options, chosen.jobs)
        failures = {bag: problem for bag, problem in tracked(ended, "replay", len(jobs), "bag") if problem}
    rows = collect(root, out, bags, failures)
    print(format_rows(rows))
    with told_plainly(parser):
        _write(out / "all.csv", rows)
    print(f"table: {out / 'all.csv'}")
    return 0 if all(row["passed"] for row in rows) else 2


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())

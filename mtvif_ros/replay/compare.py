"""Compare two replays of one recording, pair by pair: two models, two backends, before and after.

mtvif_compare A B --out FOLDER

A and B are folders that mtvif_replay wrote. Writes compare.html and compare.json. Exit codes: 0 B is worse in
nothing; 2 B is worse in something; 1 the input cannot be used.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.command_line import command_parser, need, told_plainly
from mtvif_ros.image import Image
from mtvif_ros.metrics.flicker import flicker_sentence
from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.pages.page import as_jpeg, page_template
from mtvif_ros.replay.pair_table import read_table
from mtvif_ros.replay.summary import Summary, read_summary

_MIOU = "mean IoU of a pair"
# By column of pairs.csv: what it is called, and whether more is better.
_COMPARED = {
    **{name: (name, True) for name in METRICS},
    "miou": (_MIOU, True),
    "segmentation_latency_ms": ("latency to the mask, ms", False),
    "fused_latency_ms": ("latency to the fused image, ms", False),
    "flicker": ("flicker", False),
    "unexplained": ("unexplained mask change", False),
}
_RESAMPLES = 2000
_SHOWN = 3
_FEW = 20  # pairs; of fewer neighbouring frames, the interval is too narrow
_UNJUDGED = "too few pairs"
_NEGLIGIBLE = 0.005  # of A's mean: many frames make any difference certain, but not one that matters

_FEWER_ANSWERS = 0.01  # of the pairs: a node at its limit never answers quite the same number twice


class Difference(NamedTuple):
    """Hold one metric: means of A and B, mean of B - A with its 95 % interval, pairs, and the verdict."""

    name: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    pairs: int
    verdict: str


Rows = dict[tuple[int, int], dict[str, float]]


def bootstrap_interval(
    differences: npt.NDArray[np.float64], seed: int = 0, resamples: int = _RESAMPLES
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean (Efron and Tibshirani, 1993).

    Neighbouring frames are alike, so blocks of about the square root of their number are drawn whole
    (moving block bootstrap, Kuensch, 1989); frames drawn one by one would make it too narrow.
    """
    count = len(differences)
    block = max(1, round(np.sqrt(count)))
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, count - block + 1, (resamples, -(-count // block)))
    drawn = (starts[..., None] + np.arange(block)).reshape(resamples, -1)[:, :count]
    low, high = np.percentile(differences[drawn].mean(1), (2.5, 97.5))
    return float(low), float(high)


def compare_rows(a: Rows, b: Rows) -> list[Difference]:
    """Return the differences of every metric that both have, over the pairs that both have."""
    common = sorted(a.keys() & b.keys())
    found = []
    for column, (name, more_is_better) in _COMPARED.items():
        both = [
            (a[pair][column], b[pair][column]) for pair in common if column in a[pair] and column in b[pair]
        ]
        if len(both) < 2:
            continue
        values = np.array(both)
        change = values[:, 1] - values[:, 0]
        low, high = bootstrap_interval(change)
        means = values.mean(0)
        sign = 1 if more_is_better else -1
        if len(both) < _FEW:
            verdict = _UNJUDGED
        elif low <= 0 <= high:
            verdict = "no difference"
        elif abs(change.mean()) < _NEGLIGIBLE * abs(means[0]):
            verdict = "negligible"
        else:
            verdict = "better" if sign * change.mean() > 0 else "worse"
        found.append(
            Difference(
                name, float(means[0]), float(means[1]), float(change.mean()), low, high, len(both), verdict
            )
        )
    return found


def _iou(summary: Summary) -> dict[str, float | None]:
    if summary.quality is None:
        return {"mean": None}
    return {**(summary.quality.iou or {}), "mean": summary.quality.miou}


def _completeness(a: Summary, b: Summary) -> list[str]:
    """Return in words where B left more pairs without an answer than A."""
    shares = [one.slowest.answered / max(1, one.pairs) for one in (a, b)]
    lost = [max(topic.lost for topic in one.topics.values()) for one in (a, b)]
    found = []
    if shares[1] < shares[0] - _FEWER_ANSWERS:
        found.append(f"B answered fewer of its pairs: {shares[1]:.1%}, A {shares[0]:.1%}")
    if lost[1] > lost[0]:
        found.append(f"B lost more pairs: {lost[1]}, A {lost[0]}")
    return found


def _iou_unjudged(a: Summary, b: Summary, differences: Sequence[Difference]) -> str:
    """Return why labels gave no verdict; nothing where they did, or where one replay had none."""
    if any(one.name == _MIOU for one in differences) or None in (_iou(a)["mean"], _iou(b)["mean"]):
        return ""
    if a.classes != b.classes:
        return "The models have different classes, so the mean IoU is not judged"
    return "The pairs have no IoU of their own, so it is not judged; run mtvif_replay again"


def _pictures(folders: Sequence[Path], a: Rows, b: Rows) -> list[dict[str, Any]]:
    """Return the pairs whose previews differ most, with both rows of pictures."""
    videos = [cv2.VideoCapture(str((folder / "preview.mp4").absolute())) for folder in folders]
    answered = [
        [
            pair
            for pair, row in sorted(rows.items())
            if {"fused_latency_ms", "segmentation_latency_ms"} <= row.keys()
        ]
        for rows in (a, b)
    ]
    if not all(video.isOpened() for video in videos) or answered[0] != answered[1]:
        return []
    worst: list[tuple[float, int, Any, Any]] = []
    for rgb, _ in answered[0]:
        (ok_a, frame_a), (ok_b, frame_b) = (video.read() for video in videos)
        if not (ok_a and ok_b) or frame_a.shape != frame_b.shape:
            break
        half = frame_a.shape[1] // 2  # the left half shows the cameras, which are the same
        apart = float(cv2.absdiff(frame_a[:, half:], frame_b[:, half:]).mean())
        worst.append((apart, rgb, frame_a, frame_b))
        worst = sorted(worst, key=lambda one: -one[0])[:_SHOWN]
    for video in videos:
        video.release()
    return [
        {"apart": apart, "stamp": stamp, "a": as_jpeg(_rgb(frame_a)), "b": as_jpeg(_rgb(frame_b))}
        for apart, stamp, frame_a, frame_b in worst
    ]


def _rgb(frame: Any) -> Image:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)


def compare(first: Path, second: Path, out: Path) -> dict[str, Any]:
    """Compare two replays, write compare.json and compare.html into `out`, return what is in the former.

    Raises ValueError when one is no replay of this version or they have no pair in common.
    """
    a, b = (read_table(folder / "pairs.csv") for folder in (first, second))
    summaries = [read_summary(folder / "summary.json") for folder in (first, second)]
    same_classes = summaries[0].classes == summaries[1].classes
    differences = [one for one in compare_rows(a, b) if same_classes or one.name != _MIOU]
    common = len(a.keys() & b.keys())
    if all(one.verdict == _UNJUDGED for one in differences):
        most = max((one.pairs for one in differences), default=0)
        raise ValueError(
            f"{first} and {second} have {common} pairs in common, {most} of them with results in both; "
            f"a verdict takes {_FEW}: are they of one recording, and of enough of it?"
        )
    incomplete = _completeness(summaries[0], summaries[1])
    result: dict[str, Any] = {
        "a": str(first),
        "b": str(second),
        "models": [asdict(summary.model) for summary in summaries],
        "pairs": {"a": len(a), "b": len(b), "common": common},
        "answered": [summary.slowest.answered for summary in summaries],
        "answered_share": [summary.slowest.answered / max(1, summary.pairs) for summary in summaries],
        "lost": [max(topic.lost for topic in summary.topics.values()) for summary in summaries],
        "metrics": [one._asdict() for one in differences],
        "flicker_over_max": [one.quality and one.quality.flicker_over_max for one in summaries],
        "iou": [_iou(summary) for summary in summaries],
        "iou_unjudged": _iou_unjudged(summaries[0], summaries[1], differences),
        "completeness": incomplete,
        "worse": bool(incomplete) or any(one.verdict == "worse" for one in differences),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "compare.json").write_text(json.dumps(result, indent=2) + "\n")
    page = page_template("mtvif_ros.replay", "compare.html.j2").render(
        r=result, pictures=_pictures((first, second), a, b)
    )
    (out / "compare.html").write_text(page)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see the module for its exit codes."""
    parser = command_parser("mtvif_compare", __doc__)
    parser.add_argument("a", type=Path, help="folder of a replay")
    parser.add_argument("b", type=Path, help="folder of another replay of the same recording")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        need("jinja2")
        result = compare(options.a, options.b, options.out)
    for one in result["metrics"]:
        print(
            f"{one['name']:30} {one['a']:10.4f} {one['b']:10.4f} {one['difference']:+10.4f} "
            f"[{one['low']:+.4f}, {one['high']:+.4f}]  {one['verdict']}"
        )
    if unjudged := [one["name"] for one in result["metrics"] if one["verdict"] == _UNJUDGED]:
        print(f"not judged, for want of {_FEW} common pairs: {', '.join(unjudged)}")
    for name, ratio in zip("AB", result["flicker_over_max"]):
        print(f"{name} {flicker_sentence(ratio)}")
    for sentence in (result["iou_unjudged"], *result["completeness"]):
        if sentence:
            print(sentence)
    print(f"compare: {options.out / 'compare.html'}")
    return 2 if result["worse"] else 0


if __name__ == "__main__":
    sys.exit(main())

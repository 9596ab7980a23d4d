import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtvif_ros.replay.compare import bootstrap_interval, compare_rows, main
from mtvif_ros.replay.summary import TopicSummary, write_summary
from tests.mtvif_ros.replay.summaries import QUALITY, summary, topic

STAMPS = [(number, number + 1) for number in range(60)]


def rows(vif: float, latency: float, rng: np.random.Generator) -> dict[tuple[int, int], dict[str, float]]:
    noise = rng.normal(0, 0.05, len(STAMPS))
    return {
        pair: {"VIF": vif + wobble, "segmentation_latency_ms": latency + 10 * wobble}
        for pair, wobble in zip(STAMPS, noise)
    }


def write(
    folder: Path,
    of: dict[tuple[int, int], dict[str, float]],
    answers: TopicSummary | None = None,
    **changes: Any,
) -> Path:
    folder.mkdir()
    with (folder / "pairs.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["rgb_stamp", "ir_stamp", "VIF", "miou", "segmentation_latency_ms"])
        writer.writeheader()
        writer.writerows({"rgb_stamp": rgb, "ir_stamp": ir, **values} for (rgb, ir), values in of.items())
    write_summary(folder / "summary.json", summary(answers, **changes))
    return folder


def test_verdicts_know_which_way_is_better(rng: np.random.Generator) -> None:
    found = compare_rows(rows(1.0, 20, rng), rows(1.2, 25, rng))
    assert {one.name: one.verdict for one in found} == {"VIF": "better", "latency to the mask, ms": "worse"}


def test_noise_is_no_difference_and_a_certain_trifle_is_negligible(rng: np.random.Generator) -> None:
    first = rows(1.0, 20, rng)
    shifted = {pair: {"VIF": values["VIF"] + 1e-4} for pair, values in first.items()}
    assert [one.verdict for one in compare_rows(first, rows(1.0, 20, rng))] == ["no difference"] * 2
    assert [one.verdict for one in compare_rows(first, shifted)] == ["negligible"]


@pytest.mark.parametrize(
    ("change", "verdict"), [(-0.004, "negligible"), (-0.006, "worse"), (0.006, "better")]
)
def test_half_a_percent_is_where_a_difference_begins_to_matter(
    change: float, verdict: str, rng: np.random.Generator
) -> None:
    first = rows(1.0, 20, rng)
    second = {pair: {"VIF": values["VIF"] * (1 + change)} for pair, values in first.items()}
    assert [one.verdict for one in compare_rows(first, second)] == [verdict]


def test_slow_drifts_widen_the_interval(rng: np.random.Generator) -> None:
    drift = np.repeat(rng.normal(0, 1, 20), 20)
    low, high = bootstrap_interval(drift)
    shuffled = rng.permutation(drift)
    narrow = bootstrap_interval(shuffled)
    assert high - low > 1.5 * (narrow[1] - narrow[0])


def test_only_common_pairs_count(rng: np.random.Generator) -> None:
    first, second = rows(1.0, 20, rng), rows(1.0, 20, rng)
    del second[STAMPS[0]]
    assert {one.pairs for one in compare_rows(first, second)} == {59}


def test_few_common_pairs_give_no_verdict(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = rows(1.0, 20, rng), rows(0.5, 20, rng)
    for pair in STAMPS[4:]:
        del second[pair]["VIF"]
    assert [one.verdict for one in compare_rows(first, second)] == ["too few pairs", "no difference"]
    a, b = write(tmp_path / "a", first), write(tmp_path / "b", second)
    assert main([str(a), str(b), "--out", str(tmp_path / "out")]) == 0
    assert "not judged, for want of 20 common pairs: VIF\n" in capsys.readouterr().out
    c = write(tmp_path / "c", {pair: second[pair] for pair in STAMPS[:4]})
    with pytest.raises(SystemExit) as ended:
        main([str(a), str(c), "--out", str(tmp_path / "out")])
    assert ended.value.code == 1
    assert "4 pairs in common, 4 of them with results in both; a verdict takes 20" in capsys.readouterr().err


def test_the_command_writes_a_page_and_tells_by_its_exit_code(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = write(tmp_path / "a", rows(1.0, 20, rng)), write(tmp_path / "b", rows(0.8, 20, rng))
    assert main([str(a), str(b), "--out", str(tmp_path / "out")]) == 2
    assert main([str(b), str(a), "--out", str(tmp_path / "out")]) == 0
    assert "worse in 0 of 2" in (tmp_path / "out" / "compare.html").read_text()
    with pytest.raises(SystemExit):
        main([str(a), "/nowhere", "--out", str(tmp_path / "out")])
    assert "/nowhere/pairs.csv" in capsys.readouterr().err


def test_a_node_that_answers_fewer_pairs_is_worse_but_not_for_one_in_a_hundred(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    of = rows(1.0, 20, rng)
    full, nearly, fewer = (
        str(write(tmp_path / name, of, topic(answered, superseded=200 - answered)))
        for name, answered in (("full", 200), ("nearly", 198), ("fewer", 197))
    )
    assert main([full, nearly, "--out", str(tmp_path / "out")]) == 0
    assert main([full, fewer, "--out", str(tmp_path / "out")]) == 2
    assert "B answered fewer of its pairs: 98.5%, A 100.0%" in capsys.readouterr().out
    page = (tmp_path / "out" / "compare.html").read_text()
    assert '<h1 class="bad">' in page and "B answered fewer of its pairs" in page


def test_a_node_that_loses_more_pairs_is_worse_and_that_is_said(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    of = rows(1.0, 20, rng)
    full, lossy = (str(write(tmp_path / str(lost), of, topic(1000 - lost, lost=lost))) for lost in (0, 2))
    assert main([full, lossy, "--out", str(tmp_path / "out")]) == 2
    assert "B lost more pairs: 2, A 0" in capsys.readouterr().out


def test_worse_masks_are_worse(tmp_path: Path, rng: np.random.Generator) -> None:
    good, bad = (
        str(write(tmp_path / str(miou), {pair: {"miou": miou + rng.normal(0, 0.01)} for pair in STAMPS}))
        for miou in (0.8, 0.6)
    )
    assert main([good, bad, "--out", str(tmp_path / "out")]) == 2
    assert main([bad, good, "--out", str(tmp_path / "out")]) == 0


def test_classes_are_shown_by_name_and_other_classes_are_not_judged(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []
    for name, classes, iou, miou in (
        ("a", ("road", "car"), {"road": 0.911, "car": 0.822}, 0.9),
        ("b", ("car", "tree"), {"car": 0.733, "tree": 0.644}, 0.7),
    ):
        of = {pair: {**values, "miou": miou} for pair, values in rows(1.0, 20, rng).items()}
        quality = replace(QUALITY, iou={**iou, "dog": None}, miou=miou)
        folders.append(str(write(tmp_path / name, of, classes=classes, quality=quality)))
    assert main([*folders, "--out", str(tmp_path / "out")]) == 0
    assert "different classes, so the mean IoU is not judged" in capsys.readouterr().out
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "<th>road</th><th>car</th><th>dog</th><th>tree</th><th>mean</th>" in page
    assert "<td>B</td><td>absent</td><td>0.733</td><td>absent</td><td>0.644</td>" in page

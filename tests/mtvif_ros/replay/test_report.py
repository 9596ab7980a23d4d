"""The report as a browser shows it."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mtvif_ros.classes import STREET, colour_table
from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.replay.limits import DEFAULT_LIMITS, judge
from mtvif_ros.replay.report import write_report
from mtvif_ros.replay.summary import Summary, TopicSummary
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.replay.summaries import summary, topic

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def judged(of: TopicSummary) -> Summary:
    return replace(summary(of), limits=judge(summary(of), DEFAULT_LIMITS))


COLOURS = colour_table([one.rgb for one in STREET])


@pytest.fixture
def page(tmp_path: Path, night_frame: Frame) -> Path:
    rows = [
        {
            "rgb_stamp": number * 10**9,
            "fused_latency_ms": 20.0 + number,
            "segmentation_latency_ms": 19.0,
            "flicker": 1.0,
            "unexplained": 0.01,
            **dict.fromkeys(METRICS, float(number)),
        }
        for number in range(3)
    ]

    def pictures(stamps: set[int]) -> list[AnsweredPair]:
        return [
            AnsweredPair(s, night_frame.rgb, night_frame.ir, night_frame.rgb, night_frame.mask, None)
            for s in stamps
        ]

    write_report(tmp_path / "report.html", judged(topic(3)), rows, pictures, COLOURS, [])
    return tmp_path / "report.html"


def test_the_page_needs_no_network(page: Path) -> None:
    text = page.read_text()
    assert "All limits hold" in text
    assert "a &lt;bag&gt;" in text
    for foreign in ('src="http', 'href="http', "@import", "url(http"):
        assert foreign not in text


def test_a_replay_without_any_answer_still_gives_a_page(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", judged(topic(0, lost=3)), [], lambda _: [], COLOURS, [])
    text = (tmp_path / "report.html").read_text()
    assert "2 of 4 limits are missed" in text and "The node answered no pair" in text


def test_superseded_pairs_are_not_called_lost(tmp_path: Path) -> None:
    write_report(
        tmp_path / "report.html",
        replace(judged(topic(2, superseded=1)), quality=None),
        [],
        lambda _: [],
        COLOURS,
        [],
    )
    text = (tmp_path / "report.html").read_text()
    assert "The node did not keep up: it answered 2 of 3 pairs" in text
    assert "<b>0</b><span>pairs lost</span>" in text


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt install chromium)")
def test_a_browser_shows_plots_and_worst_frames_and_opens_them(page: Path, tmp_path: Path) -> None:
    probe = "<script>document.querySelector('.shots button').click();</script></body>"
    page.write_text(page.read_text().replace("</body>", probe))
    assert CHROMIUM
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    flags.append("--disable-background-networking")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [CHROMIUM, *flags, profile, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=60
    )
    assert "<dialog open" in done.stdout
    assert done.stdout.count('src="data:image/jpeg;base64,/9j/') > 3
    assert done.stdout.count("<svg") >= 4

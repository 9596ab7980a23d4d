"""The report as a browser shows it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.replay.report import write_report
from mtvif_ros.replay.scoring import METHODS
from mtvif_ros.replay.summary import summarise_topic
from mtvif_ros.synthetic import Frame

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CAMERA = {"sent": 3, "paired": 3, "unpaired": 0, "late": 0, "duplicate": 0, "overflowed": 0}


def summary(answered: int) -> dict[str, Any]:
    seconds = [0.02] * answered
    topic = {**summarise_topic(3, seconds), "unexpected": 0}
    quality: dict[str, Any] = {}
    if answered:
        fusion = {method: dict.fromkeys(METRICS, 1.0) for method in METHODS}
        iou: dict[str, float | None] = dict.fromkeys(CLASS_NAMES, 0.5)
        quality = {
            "scored": 3,
            "scored_per_second": 5.0,
            "fusion": fusion,
            "iou": {**iou, "bump": None},
            "miou": 0.5,
            "confusion": np.eye(9, dtype=int).tolist(),
            "flicker": 1.0,
            "changed": 0.01,
            "unexplained": 0.01,
        }
    return {
        "bag": "a <bag>",
        "bag_damage": "",
        "cameras": ["/rgb", "/ir"],
        "pairs": 3,
        "pair_distance_ms": {"median": 0.1, "largest": 0.3},
        "topics": {"/mtvif/fused": topic, "/mtvif/segmentation": topic},
        "counts": {
            **{"answered": answered, "superseded": 0, "failed": 0, "agree": True, "why": ""},
            **{"rgb/image_raw": CAMERA, "ir/image_raw": CAMERA},
        },
        "load": {},
        "quality": quality,
        "limits": [
            {
                "name": "completeness.lost",
                "measured": 3 - answered,
                "limit": "at most 0",
                "holds": answered == 3,
            }
        ],
        "passed": answered == 3,
        "model": {"file": "m.onnx", "version": "1", "sha256": "0" * 64},
        "classes": list(CLASS_NAMES),
        "command": "mtvif_replay",
        "machine": {"cores": "2"},
    }


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

    write_report(tmp_path / "report.html", summary(3), rows, pictures, [])
    return tmp_path / "report.html"


def test_the_page_needs_no_network(page: Path) -> None:
    text = page.read_text()
    assert "All limits hold" in text
    assert "a &lt;bag&gt;" in text
    for foreign in ('src="http', 'href="http', "@import", "url(http"):
        assert foreign not in text


def test_a_run_without_any_answer_still_gives_a_page(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", summary(0), [], lambda _: [], [])
    text = (tmp_path / "report.html").read_text()
    assert "Falls short in 1 of 1 limits" in text and "No pair was answered" in text


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

import json
from pathlib import Path

import pytest

from mtvif_ros.replay.limits import DEFAULT_LIMITS, judge
from mtvif_ros.replay.summary import SCHEMA, SummaryError, format_table, read_summary, write_summary
from tests.mtvif_ros.replay.summaries import summary, topic


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    for one in (summary(), summary(topic(0, lost=2), counts=None, load=None)):
        judged = summary(limits=judge(one, DEFAULT_LIMITS))
        write_summary(path, judged)
        assert read_summary(path) == judged
        assert json.loads(path.read_text())["passed"] is judged.passed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"pairs": 3}', f"has schema 1, but this version reads schema {SCHEMA}; run mtvif_replay again"),
        (f'{{"schema": {SCHEMA + 1}}}', f"has schema {SCHEMA + 1}"),
        (f'{{"schema": {SCHEMA}}}', "is not the summary of a replay"),
        ("[]", "is not the summary of a replay"),
        ("{", "is not the summary of a replay"),
    ],
)
def test_another_schema_or_another_file_is_refused_in_one_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(SummaryError, match=told) as refused:
        read_summary(tmp_path / "summary.json")
    assert len(str(refused.value).splitlines()) == 1


def test_the_table_shows_a_topic_without_answers() -> None:
    line = format_table(summary(topic(0, superseded=1, lost=1))).splitlines()[1]
    assert line.split() == ["/mtvif/fused", "2", "0", "1", "0", "0", "1", "-", "-", "-"]

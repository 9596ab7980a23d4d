from pathlib import Path
from typing import Any

import pytest

from mtvif_ros.recordings.reader import BagError, BagReader
from mtvif_ros.replay.labels import check_labels
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.plan import plan_replay
from tests.mtvif_ros.recordings.tiny import LABELS, drive, write


@pytest.mark.parametrize(
    ("changes", "size", "told"),
    [
        ({}, (6, 8), ""),
        ({"value": 255}, (6, 8), ""),
        ({"value": 9}, (6, 8), "they hold class 9, but the model has 9 classes"),
        ({"value": 1, "encoding": "mono16"}, (6, 8), "value 257 is no class index"),
        ({"encoding": "bgr8"}, (6, 8), "encoding 'bgr8' does not hold class indices"),
        ({}, (8, 6), r"they have \(8, 6\) rows and columns, the visible frames \(6, 8\)"),
        ({"stamp": 5}, (6, 8), "none has the stamp of a frame of /rgb/image_raw"),
    ],
)
def test_labels_that_cannot_be_used_are_told_before_a_replay(
    changes: dict[str, Any], size: tuple[int, int], told: str, tmp_path: Path
) -> None:
    labels = [shot._replace(**{"value": 0} | changes) for shot in drive(3, (LABELS,))]
    path = write(tmp_path / "bag", drive(3) + labels, sizes={LABELS: size})
    with BagReader(path) as bag:
        plan = plan_replay(bag, ReplayOptions(path, tmp_path / "out"))
        if told:
            with pytest.raises(BagError, match=f"{told}.*--no-labels"):
                check_labels(plan, 9)
        else:
            check_labels(plan, 9)
        unlabelled = plan_replay(bag, ReplayOptions(path, tmp_path / "out", labels=False))
        check_labels(unlabelled, 9)
    assert unlabelled.labels is None

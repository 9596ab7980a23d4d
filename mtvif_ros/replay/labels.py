"""Check the labels of a recording before it is played."""

from __future__ import annotations

from mtvif_ros.classes import IGNORE
from mtvif_ros.image import ImageFormatError
from mtvif_ros.recordings.pairs import frame_size, read_mask
from mtvif_ros.recordings.reader import BagError, stamp_of
from mtvif_ros.replay.plan import Plan


def check_labels(plan: Plan, classes: int) -> None:
    """Raise BagError unless the labels of the plan's pairs can score a model of so many classes."""
    if plan.labels is None:
        return
    wanted = {rgb for rgb, _ in plan.pairs} & plan.labelled
    if not wanted:
        raise _unusable(plan, f"none has the stamp of a frame of {plan.cameras[0]}")
    size = frame_size(plan.bag, plan.cameras[0])
    for record in plan.bag.records((plan.labels,)):
        if stamp_of(record.raw) not in wanted:
            continue
        try:
            mask = read_mask(record)
        except ImageFormatError as error:
            raise BagError(f"bag {plan.bag.path}: {error}") from error
        if size is not None and mask.shape != size:
            raise _unusable(plan, f"they have {mask.shape} rows and columns, the visible frames {size}")
        highest = int(mask[mask != IGNORE].max(initial=0))
        if highest >= classes:
            raise _unusable(plan, f"they hold class {highest}, but the model has {classes} classes")


def _unusable(plan: Plan, why: str) -> BagError:
    return BagError(
        f"bag {plan.bag.path}: the labels on {plan.labels} cannot be used: {why}; "
        "name another --label-topic, or use --no-labels"
    )

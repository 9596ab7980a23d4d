"""Score the pictures and masks that the node answered, pair by pair, in several processes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.codec import read_grey, read_infrared, read_rgb
from mtvif_ros.imaging.registration import Warp
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.metrics.baselines import BASELINES
from mtvif_ros.metrics.flicker import FlickerMeter
from mtvif_ros.metrics.fusion import METRICS, Plane, fusion_metrics, luma, prepare
from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.metrics.segmentation import confusion_matrix, iou_per_class, mean_iou
from mtvif_ros.metrics.steadiness import Steadiness, SteadinessMeter
from mtvif_ros.parallel import in_processes
from mtvif_ros.progress import Progress
from mtvif_ros.recordings.pairs import read_mask, remark_on_colours
from mtvif_ros.replay.collector import FUSED, SEGMENTATION, Collector
from mtvif_ros.replay.pictures import PreviewWriter
from mtvif_ros.replay.plan import Plan
from mtvif_ros.replay.summary import Quality

Matrix = npt.NDArray[np.int64]
METHODS = ("model", *BASELINES)


class PairScore(NamedTuple):
    """Hold one pair's scores: fusion metrics by method and name, and the confusion matrix if labelled."""

    stamp: int
    fusion: dict[str, dict[str, float]]
    confusion: Matrix | None


@dataclass
class Scores:
    """Hold all scores by visible stamp, the confusion matrix over all, and how long scoring took in s.

    miou: of single pairs, over the classes that their labels hold.
    """

    confusion: Matrix
    fusion: dict[int, dict[str, dict[str, float]]] = field(default_factory=dict)
    miou: dict[int, float] = field(default_factory=dict)
    steadiness: dict[int, Steadiness] = field(default_factory=dict)
    flicker: FlickerMeter = field(default_factory=FlickerMeter)
    seconds: float = 0.0

    def quality(self, classes: Sequence[str]) -> Quality | None:
        """Return the means over all pairs; None when none was scored."""
        if not self.fusion:
            return None
        ious = iou_per_class(self.confusion)
        iou = dict(zip(classes, ious)) if self.confusion.any() else None
        over_max = self.flicker.ratio()
        steady = np.array(list(self.steadiness.values())).mean(0) if self.steadiness else None
        flicker, changed, unexplained = (
            (None,) * 3 if steady is None else (round(float(x), 4) for x in steady)
        )
        return Quality(
            scored=len(self.fusion),
            scored_per_second=round(len(self.fusion) / max(self.seconds, 1e-3), 1),
            fusion={method: self._means(method) for method in METHODS},
            iou=iou,
            miou=mean_iou(ious),
            confusion=None if iou is None else self.confusion.tolist(),
            flicker=flicker,
            flicker_over_max=None if over_max is None else round(over_max, 4),
            changed=changed,
            unexplained=unexplained,
        )

    def add(self, one: PairScore) -> None:
        """Take the scores of one more pair."""
        self.fusion[one.stamp] = one.fusion
        if one.confusion is None:
            return
        self.confusion += one.confusion
        if (miou := mean_iou(iou_per_class(one.confusion))) is not None:
            self.miou[one.stamp] = miou

    def _means(self, method: str) -> dict[str, float]:
        return {name: float(np.mean([of[method][name] for of in self.fusion.values()])) for name in METRICS}


def score_answers(
    scores: Scores,
    pairs: Iterable[AnsweredPair],
    chosen: Collection[int],
    preview: PreviewWriter | None,
    previous: Mapping[int, int],
) -> None:
    """Score the pairs whose visible stamps are `chosen` into `scores`, and show all of them in `preview`.

    Steadiness and flicker compare a pair with the one shown before it if that is its predecessor by
    `previous`, which maps visible stamps. Raises ValueError for labels that are not of the model's classes or
    size; what was scored until then stays in `scores`.
    """
    meter = SteadinessMeter()

    def watched() -> Iterator[AnsweredPair]:
        last = None
        for shown in pairs:
            follows = last is not None and previous.get(shown.stamp) == last
            scores.flicker.add(*grey_planes(shown), follows)
            last = shown.stamp
            change = meter(shown, follows)
            if change is not None:
                scores.steadiness[shown.stamp] = change
            if preview is not None:
                preview.write(shown.rgb, shown.ir, shown.fused, shown.mask)
            if shown.stamp in chosen:
                yield shown

    with Progress("score", len(chosen), "pair") as progress:
        try:
            for one in in_processes(partial(score_pair, classes=len(scores.confusion)), watched()):
                scores.add(one)
                progress.update()
        finally:
            scores.seconds = progress.elapsed


def score_pair(shown: AnsweredPair, classes: int) -> PairScore:
    """Score one pair; planes are rounded to grey levels, as training.evaluate rounds them."""
    visible, infrared, fused = grey_planes(shown)
    planes = {"model": fused}
    planes |= {name: fuse(visible, infrared) for name, fuse in BASELINES.items()}
    sources = prepare(visible), prepare(infrared)
    fusion = {name: fusion_metrics(plane, *sources) for name, plane in planes.items()}
    confusion = None
    if shown.labels is not None:
        confusion = confusion_matrix(shown.labels, shown.mask, classes)
    return PairScore(shown.stamp, fusion, confusion)


def grey_planes(shown: AnsweredPair) -> tuple[Plane, Plane, Plane]:
    """Return visible, infrared and fused luma (H, W), rounded to grey levels."""
    return np.rint(luma(shown.rgb)), shown.ir.astype(np.float64), np.rint(luma(shown.fused))


def answered_pairs(
    plan: Plan, collector: Collector, aligned: Warp, wanted: Collection[int] | None = None
) -> Iterator[AnsweredPair]:
    """Yield every pair that was answered on both topics and kept, in order, at the visible frame's size.

    `wanted` limits it to these visible stamps. Pairs whose images cannot be read are left out. Remarks on
    infrared in false colours.
    """
    thermal = ThermalScaler()
    count = coloured = 0
    kept = collector.kept()
    for pair in plan.read_pairs(kept if wanted is None else kept.intersection(wanted)):
        fused, mask = (collector.read(topic, pair.stamp) for topic in (FUSED, SEGMENTATION))
        if fused is None or mask is None:
            continue
        try:
            rgb = read_rgb(pair.rgb.message())
            raw, is_coloured = read_infrared(pair.ir.message())
            labels = None if pair.labels is None else read_mask(pair.labels)
        except ImageFormatError:
            continue
        count += 1
        coloured += is_coloured
        size = (rgb.shape[1], rgb.shape[0])
        ir = aligned(thermal(raw), size, size)
        classes = np.asarray(read_grey(mask), np.uint8)
        yield AnsweredPair(pair.stamp, rgb, ir, read_rgb(fused), classes, labels)
    remark_on_colours(plan.bag, plan.cameras[1], coloured, count)

"""Bring together what the cameras saw and what the node answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mtvif_ros.image import Image, ImageFormatError
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.registration import Registration, read_registration
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.metrics.pair import AnsweredPair
from mtvif_ros.recordings.pairs import read_labels, read_pairs
from mtvif_ros.recordings.reader import stamp_of
from mtvif_ros.replay.collector import Collector
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.passes import Passes
from mtvif_ros.replay.run import FUSED, SEGMENTATION


def answered_pairs(
    options: ReplayOptions, passes: Passes, collector: Collector, wanted: set[int] | None = None
) -> Iterator[AnsweredPair]:
    """Yield every pair that was answered on both topics and kept, in order, at the visible frame's size.

    `wanted` limits it to these visible stamps. Pairs whose images cannot be read are left out.
    """
    aligned = read_registration(options.registration) if options.registration else Registration()
    thermal = ThermalScaler()
    for shift in passes.shifts:
        pairs = [pair for pair in passes.pairs if wanted is None or pair[0] + shift in wanted]
        labels = _Labels(options, [rgb for rgb, _ in pairs])
        for pair in read_pairs(passes.bag, passes.topics, pairs):
            recorded = stamp_of(pair.rgb.raw)
            stamp = recorded + shift
            fused, mask = (collector.read(topic, stamp) for topic in (FUSED, SEGMENTATION))
            if fused is None or mask is None:
                continue
            try:
                rgb, ir = read_rgb(pair.rgb.message()), thermal(read_grey(pair.ir.message()))
            except ImageFormatError:
                continue
            size = (rgb.shape[1], rgb.shape[0])
            grey = np.asarray(read_grey(mask), np.uint8)
            yield AnsweredPair(
                stamp, rgb, aligned(ir, size, size), read_rgb(fused), grey, labels.at(recorded)
            )


class _Labels:
    """Read the labels of some stamps, in their order, while they are asked for."""

    def __init__(self, options: ReplayOptions, stamps: Sequence[int]):
        self._waiting: dict[int, Image] = {}
        self._source = read_labels(options.bag, options.labels, stamps) if options.labels else iter(())

    def at(self, stamp: int) -> Image | None:
        """Return the labels of a visible stamp, None where there are none."""
        while stamp not in self._waiting:
            found = next(self._source, None)
            if found is None:
                break
            self._waiting[found[0]] = found[1]
        mask = self._waiting.pop(stamp, None)
        for old in [other for other in self._waiting if other < stamp]:
            del self._waiting[old]
        return mask

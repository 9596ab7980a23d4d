"""Paste the things of one pair into another, so that rare classes appear in more places."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from training.data.allowed import ClassSets, certain_things
from training.data.pairs import Sample

_LEAST_LIGHT, _MOST_LIGHT = 0.25, 1.5


def paste_things(sample: Sample, donor: Sample, sets: ClassSets, rng: np.random.Generator) -> Sample:
    """Copy some of the donor's classes into both frames and the labels of `sample` (after ClassMix, Olsson et
    al., WACV 2021).

    Every labelled class of the donor except background is taken with probability one half. It keeps its
    place, perhaps mirrored, because cameras on vehicles see the road at the same height. Its visible pixels
    are scaled towards the sample's brightness. A donor of another size is resized.
    """
    height, width = sample.ir.shape
    rgb, ir, allowed = donor.rgb, donor.ir, donor.allowed
    if ir.shape != sample.ir.shape:
        rgb, ir = (np.asarray(cv2.resize(image, (width, height)), np.uint8) for image in (rgb, ir))
        scaled = cv2.resize(allowed, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        allowed = np.asarray(scaled, np.uint16)
    taken = [index for index in certain_things(allowed, sets) if rng.random() < 0.5]
    if not taken:
        return sample
    if rng.random() < 0.5:
        rgb, ir, allowed = rgb[:, ::-1], ir[:, ::-1], allowed[:, ::-1]
    chosen = np.isin(allowed, taken)
    light = np.clip((sample.rgb.mean() + 1) / (rgb.mean() + 1), _LEAST_LIGHT, _MOST_LIGHT)
    # Blur the edge, or the network learns to see the cut.
    share = cv2.blur(chosen.astype(np.float32), (3, 3))
    dimmed = np.minimum(rgb * np.float32(light), 255)
    return replace(
        sample,
        rgb=(sample.rgb + share[..., None] * (dimmed - sample.rgb)).astype(np.uint8),
        ir=(sample.ir + share * (ir.astype(np.float32) - sample.ir)).astype(np.uint8),
        allowed=np.where(chosen, allowed, sample.allowed),
    )

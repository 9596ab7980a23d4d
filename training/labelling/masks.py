"""Make masks from class probabilities and hand-drawn boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.classes import IGNORE
from mtvif_ros.image import Image
from mtvif_ros.recordings.pair_folder import PairFiles, load_pair
from training.data.boxes import Boxes, box_window, is_found, read_boxes
from training.data.pairs import load_labels

Plane = npt.NDArray[np.float32]

_PRIOR_SIZE = 8
_SURE_CLASS, _SURE_BACKGROUND = 0.92, 0.95
_SURE_LOGIT = 0.7
_DOUBT = 0.3  # probability of a boxed class outside its boxes that makes a pixel unsure
_SURELY_OTHER, _HARDLY = 0.8, 0.3
_NOWHERE = -9.0


def fill_priors(pairs: Sequence[PairFiles], names: Sequence[str]) -> dict[int, Plane]:
    """Return by class how often each place of a box is filled, over the pairs with a mask and boxes.

    `names` are the classes of the masks. Boxes that the mask missed, filling less than a quarter, do not
    count.
    """
    filled: dict[int, list[Plane]] = {}
    for files in pairs:
        boxes = read_boxes(files, names)
        if files.mask is None or boxes is None:
            continue
        _, ir = load_pair(files)
        mask = load_labels(files, ir, names)
        assert mask is not None
        for index, box in boxes:
            inside = (mask[box_window(box, mask.shape)] == index).astype(np.float32)
            if inside.size >= 4 * _PRIOR_SIZE and is_found(mask, index, box):
                small = cv2.resize(inside, (_PRIOR_SIZE, _PRIOR_SIZE), interpolation=cv2.INTER_AREA)
                filled.setdefault(index, []).append(np.asarray(small, np.float32))
    mean = {index: np.mean(maps, 0) for index, maps in filled.items()}
    return {index: (place + place[:, ::-1]) / 2 for index, place in mean.items()}


def label_in_boxes(probability: Plane, boxes: Boxes, priors: Mapping[int, Plane]) -> Image:
    """Return the mask (H, W) on which network, boxes and priors agree, 255 where they do not.

    Inside a box of class c the log odds are the prior's plus the network's. The network's are raised so that
    its surest pixels in the box count as c, because the box proves that c is there. Outside all boxes the
    network chooses among the classes without boxes. Where it sees a boxed class there, the annotators may
    have missed something, and in a box where it sees another boxed class, the box may have the wrong class:
    both become 255. So do ignored boxes, where no box of a class lies.
    """
    odds = _logit(probability)
    score = np.full(probability.shape, _NOWHERE, np.float32)
    unclear = np.zeros(probability.shape[1:], bool)
    for box in boxes.ignored:
        unclear[box_window(box, probability.shape[1:])] = True
    boxed = sorted(boxes.boxed)
    for index, box in boxes:
        window = box_window(box, probability.shape[1:])
        inside = odds[index][window]
        if min(inside.shape) < 3 or index not in priors or _contradicts(probability, index, boxed, window):
            unclear[window] = True
            continue
        height, width = inside.shape
        prior = _logit(np.asarray(cv2.resize(priors[index], (width, height)), np.float32))
        evidence = np.clip(inside + max(0.0, 2.0 - float(np.quantile(inside, 0.8))), -3, 3)
        score[index][window] = np.maximum(score[index][window], prior + evidence)
    # A class alone has no rival.
    *_, second, best = (np.full_like(score[0], _NOWHERE), *np.sort(score[boxed], 0))
    chosen = np.asarray(boxed, np.uint8)[score[boxed].argmax(0)]
    mask = np.where(best > _SURE_LOGIT, chosen, IGNORE).astype(np.uint8)
    mask[(second > 0) & (second > best - 1)] = IGNORE
    rest = probability.copy()
    rest[boxed] = 0
    rest /= rest.sum(0)
    outside = best < -_SURE_LOGIT
    mask[outside] = np.where(rest.max(0) > 0.6, rest.argmax(0), IGNORE)[outside]
    unclear |= probability[boxed].max(0) > _DOUBT
    mask[unclear & (best < _SURE_LOGIT)] = IGNORE
    return mask


def _contradicts(probability: Plane, index: int, boxed: Sequence[int], window: tuple[slice, slice]) -> bool:
    """Decide whether most of a box surely shows another boxed class and hardly any of it its own."""
    others = [other for other in boxed if other != index]
    if not others:
        return False
    surely_other = probability[others].max(0)[window] > _SURELY_OTHER
    return bool(surely_other.mean() > 0.5 and (probability[index][window] > _HARDLY).mean() < 0.05)


def overlooked_boxes(mask: Image, boxes: Boxes) -> Boxes:
    """Return the boxes that `mask` (H, W) leaves nearly empty."""
    return boxes.only([not is_found(mask, index, box) for index, box in boxes])


def complete_mask(mask: Image, made: Image, overlooked: Boxes) -> Image:
    """Return `mask` with the classes of the overlooked boxes taken from `made`, the mask of label_in_boxes.

    Pixels where `made` is 255 become 255. Pixels of `mask` that have a boxed class stay.
    """
    completed = mask.copy()
    for index, box in overlooked:
        window = box_window(box, mask.shape)
        new = made[window]
        open_to_change = ~np.isin(mask[window], list(overlooked.boxed))
        taken = open_to_change & ((new == index) | (new == IGNORE))
        completed[window][taken] = new[taken]
    return completed


def label_where_sure(probability: Plane) -> Image:
    """Return the mask (H, W) of the pixels that networks alone are sure of, 255 elsewhere."""
    chosen, surest = probability.argmax(0).astype(np.uint8), probability.max(0)
    needed = np.where(chosen == 0, _SURE_BACKGROUND, _SURE_CLASS)
    return np.where(surest >= needed, chosen, IGNORE).astype(np.uint8)


def _logit(probability: Plane) -> Plane:
    limited = np.clip(probability, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(limited / (1 - limited)), np.float32)

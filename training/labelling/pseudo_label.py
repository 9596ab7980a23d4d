"""Label what has no mask, and what masks overlooked, by trained networks and what people drew.

    python -m training.labelling.pseudo_label --run RUN [RUN …] --data DATA/msrs/train --out FOLDER

Writes NAME.png for every pair without a mask and for every pair whose mask leaves a box nearly empty, which
is completed there: class index, 255 where nothing is sure. A config's source takes them by `masks: FOLDER`.
`--opinions` names a folder of what another network says of some of the frames, see
training/labelling/opinions.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from tqdm import tqdm

from mtvif_ros.classes import CLASS_NAMES, IGNORE
from mtvif_ros.command_line import command_parser, told_plainly
from mtvif_ros.image import Image
from mtvif_ros.recordings.pair_folder import PairFiles, find_pairs, load_mask, load_pair
from training.data.boxes import BOX_CLASSES, Boxes, box_window, is_found, read_boxes
from training.labelling.opinions import find_opinions, read_opinion, weigh
from training.model import Network
from training.model.checkpoint import load_network
from training.model.decoders import spread_cells
from training.model.precision import fast_autocast

Plane = npt.NDArray[np.float32]

_SCALES = (1.0, 1.4)
_PRIOR_SIZE = 8
_SURE_CLASS, _SURE_BACKGROUND = 0.92, 0.95
_AGREED_CLASS, _AGREED_BACKGROUND = 0.6, 0.85  # of networks that learnt from different data
_SURE_LOGIT = 0.7
_DOUBT = 0.3  # of a boxed class where people drew no such box
_SURELY_OTHER, _HARDLY = 0.8, 0.3
_NOWHERE = -9.0


def class_probabilities(networks: Sequence[Network], rgb: Image, ir: Image) -> Plane:
    """Return (C, H, W) probabilities, averaged over the networks, two scales and the mirrored frames.

    In bfloat16 where the CPU is faster with it. Raises ValueError for a network without segmentation.
    """
    return np.asarray(np.mean([_probabilities(network, rgb, ir) for network in networks], 0), np.float32)


@torch.no_grad()
def _probabilities(network: Network, rgb: Image, ir: Image) -> Plane:
    height, width = ir.shape
    visible = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    infrared = torch.from_numpy(ir)[None, None].float() / 255
    total = torch.zeros(1, len(CLASS_NAMES), height, width)
    for scale in _SCALES:
        size = [max(1, round(side * scale / network.stride)) * network.stride for side in (height, width)]
        frames = [F.interpolate(x, size, mode="bilinear", align_corners=False) for x in (visible, infrared)]
        for mirrored in (False, True):
            with fast_autocast(torch.device("cpu")):
                _, cells = network(*(x.flip(3) if mirrored else x for x in frames))
            if cells is None:
                raise ValueError("this network has no segmentation to label with")
            logits = spread_cells(cells).float()
            logits = logits.flip(3) if mirrored else logits
            total += F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
    return (total / (2 * len(_SCALES))).softmax(1)[0].numpy()


def fill_priors(pairs: Sequence[PairFiles]) -> dict[int, Plane]:
    """Return by class how often each place of a box is filled, from the pairs with mask and boxes.

    Boxes that are filled less than a quarter were overlooked and do not count.
    """
    filled: dict[int, list[Plane]] = {index: [] for index in BOX_CLASSES}
    for files in pairs:
        if files.mask is None or files.boxes is None:
            continue
        _, ir = load_pair(files)
        mask = load_mask(files, ir)
        assert mask is not None
        for kind, *box in read_boxes(files.boxes):
            index = BOX_CLASSES[int(kind)]
            inside = (mask[box_window(box, mask.shape)] == index).astype(np.float32)
            if inside.size >= 4 * _PRIOR_SIZE and is_found(mask, index, box):
                small = cv2.resize(inside, (_PRIOR_SIZE, _PRIOR_SIZE), interpolation=cv2.INTER_AREA)
                filled[index].append(np.asarray(small, np.float32))
    mean = {index: np.mean(maps, 0) for index, maps in filled.items() if maps}
    return {index: (place + place[:, ::-1]) / 2 for index, place in mean.items()}


def label_in_boxes(probability: Plane, boxes: Boxes, priors: Mapping[int, Plane]) -> Image:
    """Return the mask (H, W) that network, boxes and priors agree on, 255 where they do not.

    Inside a box of class c the log odds are the prior's plus the network's, the latter taken relative to
    what it says at its surest in this box: the box proves that c is there. Outside all boxes of the
    three boxed classes the network chooses among the others, unless it sees one of the three: people
    overlooked some, and nothing is sure there. Nor is it in a box that the network sees another of the
    three in: some boxes have the wrong class.
    """
    odds = _logit(probability)
    score = np.full((len(CLASS_NAMES), *probability.shape[1:]), _NOWHERE, np.float32)
    unclear = np.zeros(probability.shape[1:], bool)
    for kind, *box in boxes:
        index = BOX_CLASSES[int(kind)]
        window = box_window(box, probability.shape[1:])
        inside = odds[index][window]
        if min(inside.shape) < 3 or index not in priors or _contradicts(probability, index, window):
            unclear[window] = True
            continue
        height, width = inside.shape
        prior = _logit(np.asarray(cv2.resize(priors[index], (width, height)), np.float32))
        evidence = np.clip(inside + max(0.0, 2.0 - float(np.quantile(inside, 0.8))), -3, 3)
        score[index][window] = np.maximum(score[index][window], prior + evidence)
    boxed = list(BOX_CLASSES)
    best, second = np.sort(score[boxed], 0)[[-1, -2]]
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


def _contradicts(probability: Plane, index: int, window: tuple[slice, slice]) -> bool:
    """Say whether most of a box is surely another boxed class and hardly any of it its own."""
    others = [other for other in BOX_CLASSES if other != index]
    surely_other = probability[others].max(0)[window] > _SURELY_OTHER
    return bool(surely_other.mean() > 0.5 and (probability[index][window] > _HARDLY).mean() < 0.05)


def overlooked_boxes(mask: Image, boxes: Boxes) -> Boxes:
    """Return those of the boxes (N, 5) that `mask` (H, W) leaves nearly empty."""
    kept = [not is_found(mask, BOX_CLASSES[int(kind)], box) for kind, *box in boxes]
    return boxes[np.array(kept, bool)]


def complete_mask(mask: Image, made: Image, overlooked: Boxes) -> Image:
    """Return `mask` with the overlooked boxes' classes as in `made`, the mask of label_in_boxes.

    Where that is not sure whether the class is there the pixel becomes 255. What `mask` says of the other
    classes with boxes stays.
    """
    completed = mask.copy()
    for kind, *box in overlooked:
        window = box_window(box, mask.shape)
        new = made[window]
        open_to_change = ~np.isin(mask[window], BOX_CLASSES)
        taken = open_to_change & ((new == BOX_CLASSES[int(kind)]) | (new == IGNORE))
        completed[window][taken] = new[taken]
    return completed


def label_where_sure(probability: Plane, agreed: bool = False) -> Image:
    """Return the mask (H, W) of the pixels that networks alone are sure of, 255 elsewhere.

    Less is asked where the probabilities are `agreed` on with a network that learnt from other data.
    """
    chosen, surest = probability.argmax(0).astype(np.uint8), probability.max(0)
    for_class, for_background = (
        (_AGREED_CLASS, _AGREED_BACKGROUND) if agreed else (_SURE_CLASS, _SURE_BACKGROUND)
    )
    needed = np.where(chosen == 0, for_background, for_class)
    return np.where(surest >= needed, chosen, IGNORE).astype(np.uint8)


def _logit(probability: Plane) -> Plane:
    limited = np.clip(probability, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(limited / (1 - limited)), np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.labelling.pseudo_label", __doc__)
    parser.add_argument(
        "--run",
        type=Path,
        required=True,
        nargs="+",
        help="folders that training.train wrote; of several, the mean",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with vi/, ir/ and boxes/, labels/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the masks")
    parser.add_argument("--opinions", type=Path, help="folder of NAME.npz: what another network says")
    parser.add_argument("--opinion-share", type=float, default=0.6, help="its weight, 0..1; default 0.6")
    options = parser.parse_args(arguments)
    if not 0 <= options.opinion_share <= 1:
        parser.error(f"--opinion-share {options.opinion_share}: expected 0..1")
    with told_plainly(parser):
        networks = [load_network(run).to(memory_format=torch.channels_last) for run in options.run]  # type: ignore[call-overload]
        pairs = find_pairs(options.data)
        opinions = find_opinions(options.opinions, pairs) if options.opinions is not None else {}
        priors = fill_priors(pairs)
        options.out.mkdir(parents=True, exist_ok=True)
        for files in tqdm(pairs, unit="pair"):
            made = _label(networks, files, priors, opinions.get(files.name), options.opinion_share)
            if made is not None:
                cv2.imwrite(str(options.out / f"{files.name}.png"), made)


def _label(
    networks: Sequence[Network],
    files: PairFiles,
    priors: Mapping[int, Plane],
    opinion: Path | None,
    share: float,
) -> Image | None:
    """Return the mask of one pair, None where its own is complete."""
    rgb, ir = load_pair(files)
    mask = load_mask(files, ir)
    boxes = read_boxes(files.boxes) if files.boxes is not None else None
    if mask is not None and (boxes is None or not len(overlooked_boxes(mask, boxes))):
        return None
    probability = class_probabilities(networks, rgb, ir)
    if opinion is not None:
        probability = weigh(probability, read_opinion(opinion, rgb.shape[:2]), share)
    if boxes is None:
        return label_where_sure(probability, agreed=opinion is not None)
    made = label_in_boxes(probability, boxes, priors)
    return made if mask is None else complete_mask(mask, made, overlooked_boxes(mask, boxes))


if __name__ == "__main__":
    main()
